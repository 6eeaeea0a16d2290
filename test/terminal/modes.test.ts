/*
 * A program may have set the terminal to any mode when its user detaches. A mode that is not undone stays in the user's
 * shell; undoing one without need moves the cursor, or changes a mode that the shell itself has set. The sequences
 * arrive in pieces of any length.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { watchModes } from '../../src/terminal/modes.js';

const cases: readonly [what: string, written: string, undo: string][] = [
  ['text', 'hello \x1b]0;a title\x07 world\r\n', ''],
  ['a prompt in colours', '\x1b[1;32mme\x1b[0m:\x1b[7m~\x1b[m$ ', ''],
  ['a colour that goes on', '\x1b[0m\x1b[0;31mred', '\x18\x1b[m'],
  [
    'vi',
    '\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[?2004h\x1b[?25l',
    '\x18\x1b[?1l\x1b[?2004l\x1b[?25h\x1b>\x1b[?1049l',
  ],
  ['vi, and out again', '\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?1l\x1b>\x1b[?25h\x1b[?1049l', ''],
  ['the mouse, by one sequence', '\x1b[?1002;1006h', '\x18\x1b[?1002l\x1b[?1006l'],
  ['lines that do not wrap', '\x1b[?7l', '\x18\x1b[?7h'],
  ['a scroll region', '\x1b[2;10r', '\x18\x1b7\x1b[r\x1b8'],
  ['insert mode', '\x1b[4h', '\x18\x1b[4l'],
  ['another cursor', '\x1b[5 q', '\x18\x1b[0 q'],
  ['line drawing', '\x1b(0qqq', '\x18\x1b(B'],
  ['keys with modifiers', '\x1b[>4;2m', '\x18\x1b[>4m'],
  ['keys as kitty has them', '\x1b[>1u\x1b[>5u\x1b[<u', '\x18\x1b[<1u'],
  ['a full reset', '\x1b[?1049h\x1b[?25l\x1b[31m\x1bc', ''],
];

describe('the undo sequence is right after', () => {
  for (const [what, written, undo] of cases) {
    test(what, () => {
      for (let length = 1; length <= written.length; length++) {
        const modes = watchModes();
        const bytes = Buffer.from(written);
        for (let at = 0; at < bytes.length; at += length) modes.see(bytes.subarray(at, at + length));
        assert.equal(modes.undo, undo, `in pieces of ${length}`);
      }
    });
  }
});
