/** A user's terminal, played by node-pty: types, waits for output with a bound, resizes the window, closes it. */
import { type IPty, spawn } from 'node-pty';
import type { Testbed } from '../e2e/testbed.js';
import { waitFor, within } from '../base/wait-for.js';

/** Of the window, 80x24 by default. */
export interface WindowSize {
  columns?: number;
  rows?: number;
}

export interface Terminal {
  /** All output so far. */
  readonly shown: string;
  type(text: string): void;
  /**
   * Waits for a text after the last expected text. Returns the output from there to the end of the new text.
   */
  expect(text: string | RegExp, timeoutMs?: number): Promise<string>;
  /** Types a line at the prompt of a shell, and waits for its echo, so that a later `expect` does not match the echo. */
  enter(line: string): Promise<void>;
  /** Types a line at the prompt of a shell, waits for the next prompt, and returns the output. */
  run(line: string, timeoutMs?: number): Promise<string>;
  resize(size: Required<WindowSize>): void;
  /** Closes the window: the program hangs up. */
  leave(): void;
  /** The exit status of the program at the terminal. */
  readonly exited: Promise<number>;
}

/** The prompt of the shells of `openShell`, which no program prints by accident. */
export const prompt = '[ready]$ ';

/** Opens a terminal with a shell, and waits for its prompt. The window is closed after the test. */
export async function openShell(testbed: Testbed, size: WindowSize = {}): Promise<Terminal> {
  const terminal = openTerminal(testbed, ['env', `PS1=${prompt}`, 'sh'], size);
  await terminal.expect(prompt);
  return terminal;
}

/** Opens a terminal with a program. The window is closed after the test. */
export function openTerminal(testbed: Testbed, command: readonly string[], size: WindowSize = {}): Terminal {
  const [program = '', ...args] = command;
  const { columns = 80, rows = 24 } = size;
  const pty = spawn(program, args, { name: 'xterm', cols: columns, rows, env: testbed.env, encoding: 'latin1' });
  let shown = '';
  let seen = 0;
  pty.onData((data) => {
    shown += data;
  });
  const exited = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode, signal }) => resolve(signal ? 128 + signal : exitCode));
  });
  testbed.after(() => leave(pty, exited));
  const expect: Terminal['expect'] = async (text, timeoutMs = 10_000) => {
    const match = (): number | undefined => endOfMatch(shown.slice(seen), text);
    const end = await waitFor(match, `${String(text)} on the terminal`, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; it shows ${JSON.stringify(shown.slice(seen).slice(-2000))}`);
    });
    const part = shown.slice(seen, seen + end);
    seen += end;
    return part;
  };
  const enter: Terminal['enter'] = async (line) => {
    pty.write(`${line}\r`);
    await expect('\n');
  };
  return {
    get shown() {
      return shown;
    },
    type: (text) => pty.write(text),
    expect,
    enter,
    async run(line, timeoutMs) {
      await enter(line);
      const answer = await expect(prompt, timeoutMs);
      return answer.slice(0, -prompt.length).replaceAll('\r\n', '\n');
    },
    resize: (to) => pty.resize(to.columns, to.rows),
    leave: () => pty.kill('SIGHUP'),
    exited,
  };
}

function endOfMatch(text: string, wanted: string | RegExp): number | undefined {
  const found = typeof wanted === 'string' ? text.indexOf(wanted) : text.search(wanted);
  if (found < 0) return undefined;
  const length = typeof wanted === 'string' ? wanted.length : (wanted.exec(text)?.[0].length ?? 0);
  return found + length;
}

async function leave(pty: IPty, exited: Promise<number>): Promise<void> {
  try {
    pty.kill('SIGKILL');
  } catch {
    // It has ended already.
  }
  await within(exited, 'the end of the human terminal');
}

/** A command as one line for a shell. */
export function shellLine(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
