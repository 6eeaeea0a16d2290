/** Runs a program at a pty, to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { addon } from '../../../src/native/addon.js';
import { Console } from '../../../src/os/console.js';
import { type Reader, readFrom } from '../copy/reader.js';
import type { Testbed } from '../e2e/testbed.js';
import { within } from '../base/wait-for.js';

/** Runs a command without input. Unlike node-pty, which `terminal.ts` uses, it never loses the last output. */
export async function runOnPty(
  testbed: Testbed,
  command: readonly string[],
  timeoutMs = 20_000,
): Promise<{ shown: string; status: number | NodeJS.Signals }> {
  const terminal = startOnPty(testbed, command);
  try {
    const status = await within(terminal.ended, `the end of ${command.join(' ')}`, timeoutMs);
    const shown = (await terminal.screen.all()).toString('latin1');
    return { shown, status };
  } finally {
    terminal.close();
  }
}

export interface PtyCommand {
  screen: Reader;
  type(text: string): void;
  /** The exit status, or the name of the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  /** Kills it if it still runs. */
  close(): void;
}

/** The window has 80x24. */
export function startOnPty(testbed: Testbed, command: readonly string[]): PtyCommand {
  const console = Console.open({ columns: 80, rows: 24 });
  const screen = readFrom(console.fd);
  // The leader of a session has the first tty that it opens as its terminal. ctr reads from stderr, as people have it.
  const args = ['-c', 'exec <>"$0" >&0 2>&0; exec "$@"', console.name, ...command];
  const child = spawn('sh', args, { env: testbed.env, detached: true, stdio: 'ignore' });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    screen,
    type: (text) => void addon.fd_write(console.fd, Buffer.from(text)),
    ended: exited.then(([code, signal]) => code ?? (signal as NodeJS.Signals)),
    close() {
      child.kill('SIGKILL');
      screen.close();
      console.close();
    },
  };
}
