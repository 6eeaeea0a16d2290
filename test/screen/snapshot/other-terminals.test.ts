/*
 * A snapshot is for the terminal of any client, and terminals support different sequences. The other tests show the
 * snapshot to the emulator that made it, so they would not find a sequence that only this emulator knows. This test
 * shows it to tmux.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openScreen } from '../../helpers/sessions/emulated-terminal.js';

test('the keypad mode is set by a sequence that every terminal knows, because tmux has no mode 66', async () => {
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
