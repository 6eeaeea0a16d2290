/** A real terminal: tmux with a server of its own, driven by its commands and read from its screen. */
import assert from 'node:assert/strict';
import { prompt, shellLine } from './human.js';
import { runToEnd } from './command.js';
import type { Stage } from './stage.js';
import { waitFor } from './wait-for.js';

export interface Tmux {
  /** Types a line. */
  types(line: string): Promise<void>;
  /** Presses keys by their names in tmux, such as `C-c`. */
  presses(...keys: string[]): Promise<void>;
  /** What is on the screen, with `\n` between the lines and no spaces at their ends. */
  screen(): Promise<string>;
  /** Waits until the screen matches. */
  shows(text: RegExp): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** The pid of the server, which is the terminal. */
  serverPid(): Promise<number>;
}

/** A shell with the prompt of `human.ts` in a new window of 100x30, closed at the end of the test; `name` tells several apart. */
export async function startTmux(stage: Stage, name = 'tmux'): Promise<Tmux> {
  const call = async (...args: string[]): Promise<string> => {
    const command = ['tmux', '-S', stage.path(name), '-f', '/dev/null', ...args];
    const { stdout, stderr, status } = await runToEnd(command, { env: { ...stage.env, TMUX: '' } });
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  stage.after(() => call('kill-server').catch(() => {}));
  await call('new-session', '-d', '-x', '100', '-y', '30', shellLine(['env', `PS1=${prompt}`, 'sh', '-i']));
  const screen = async (): Promise<string> => (await call('capture-pane', '-p')).replace(/\s+$/, '');
  const shows = async (text: RegExp): Promise<string> => {
    let last = '';
    const match = async (): Promise<string | false> => {
      last = await screen();
      return text.test(last) && last;
    };
    return waitFor(match, String(text)).catch((error: Error) => {
      throw new Error(`${error.message}; the screen shows\n${last}`);
    });
  };
  await shows(/^\[ready\]\$$/);
  return {
    async types(line) {
      await call('send-keys', '-l', line);
      await call('send-keys', 'Enter');
    },
    presses: async (...keys) => void (await call('send-keys', ...keys)),
    screen,
    shows,
    resize: async (columns, rows) => void (await call('resize-window', '-x', `${columns}`, '-y', `${rows}`)),
    serverPid: async () => Number(await call('display-message', '-p', '#{pid}')),
  };
}
