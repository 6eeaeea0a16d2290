/** A terminal emulator: tmux with a server of its own, controlled by its commands and read from its screen. */
import assert from 'node:assert/strict';
import { createEmulatedTerminal } from './emulated-terminal.js';
import { prompt, shellLine } from './terminal.js';
import { runToEnd } from '../base/command.js';
import type { Testbed } from '../e2e/testbed.js';
import { waitFor } from '../base/wait-for.js';

export interface Tmux {
  /** Types a line. */
  type(line: string): Promise<void>;
  /** Presses keys by their names in tmux, such as `C-c`. */
  press(...keys: string[]): Promise<void>;
  /** What is on the screen, with `\n` between the lines and no spaces at their ends. */
  screen(): Promise<string>;
  /** Waits until the screen matches. */
  expect(text: RegExp): Promise<string>;
  /** All that is to be seen, cell by cell, and what the terminal is set to, in lines that can be compared. */
  look(): Promise<string[]>;
  resize(columns: number, rows: number): Promise<void>;
  /** The pid of the server, which is the terminal. */
  serverPid(): Promise<number>;
}

/** A shell with the prompt of `terminal.ts` in a new window of 100x30, closed at the end of the test; `name` tells several apart. */
export async function startTmux(testbed: Testbed, name = 'tmux'): Promise<Tmux> {
  const call = async (...args: string[]): Promise<string> => {
    const command = ['tmux', '-S', testbed.path(name), '-f', '/dev/null', ...args];
    const { stdout, stderr, status } = await runToEnd(command, { env: { ...testbed.env, TMUX: '' } });
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  testbed.after(() => call('kill-server').catch(() => {}));
  await call('new-session', '-d', '-x', '100', '-y', '30', shellLine(['env', `PS1=${prompt}`, 'sh', '-i']));
  const screen = async (): Promise<string> => (await call('capture-pane', '-p')).replace(/\s+$/, '');
  const expect = async (text: RegExp): Promise<string> => {
    let last = '';
    const match = async (): Promise<string | false> => {
      last = await screen();
      return text.test(last) && last;
    };
    return waitFor(match, String(text)).catch((error: Error) => {
      throw new Error(`${error.message}; the screen shows\n${last}`);
    });
  };
  await expect(/^\[ready\]\$$/);
  return {
    async type(line) {
      await call('send-keys', '-l', line);
      await call('send-keys', 'Enter');
    },
    press: async (...keys) => void (await call('send-keys', ...keys)),
    screen,
    expect,
    async look() {
      const settings = await call('display-message', '-p', lookedAt.map((it) => `${it}=#{${it}}`).join('\n'));
      return [
        ...settings.trimEnd().split('\n'),
        ...(await describeCells(await call('capture-pane', '-p', '-e', '-N'))),
      ];
    },
    resize: async (columns, rows) => void (await call('resize-window', '-x', `${columns}`, '-y', `${rows}`)),
    serverPid: async () => Number(await call('display-message', '-p', '#{pid}')),
  };
}

/** The names of tmux; see FORMATS in its manual. */
const lookedAt = [
  'pane_width',
  'pane_height',
  'pane_title',
  'pane_tabs',
  'alternate_on',
  'cursor_x',
  'cursor_y',
  'cursor_flag',
  'insert_flag',
  'keypad_cursor_flag',
  'keypad_flag',
  'mouse_all_flag',
  'mouse_button_flag',
  'mouse_sgr_flag',
  'mouse_standard_flag',
  'mouse_utf8_flag',
  'origin_flag',
  'scroll_region_lower',
  'scroll_region_upper',
  'wrap_flag',
];

/** tmux tells the cells as a terminal would have to be told of them, line drawing by SO and SI. */
async function describeCells(captured: string): Promise<string[]> {
  const lines = captured.split('\n').slice(0, -1);
  const paper = await createEmulatedTerminal({ columns: 200, rows: lines.length });
  try {
    paper.feed(Buffer.from(`\x1b)0\x1b[?7l${lines.join('\r\n')}`));
    return paper.describe().filter((line) => /^normal \d+:/.test(line));
  } finally {
    paper.close();
  }
}
