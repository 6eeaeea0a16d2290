/*
 * A snapshot is for whatever terminal the client sits at, and each knows other sequences. The tests of the screen show it to
 * the emulator that made it, which would not find a sequence that it alone knows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openScreen } from '../../helpers/sessions/emulated-terminal.js';

test('the keypad is set by what every terminal knows: tmux has no mode 66', async () => {
  const screen = await openScreen({ columns: 20, rows: 3 });
  try {
    screen.feed(Buffer.from('\x1b[?66h'));
    const shown = Buffer.from(screen.snapshot()).toString();
    assert.ok(shown.includes('\x1b='));
    assert.ok(!shown.includes('?66'));
  } finally {
    screen.close();
  }
});
