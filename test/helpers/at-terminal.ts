/** A program at a terminal, from its beginning to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Console } from '../../src/os/console.js';
import { readFrom } from './reader.js';
import type { Stage } from './stage.js';
import { within } from './wait-for.js';

/**
 * Nobody types; the window has 80x24. In contrast to node-pty, which `human.ts` sits at, it never loses the last output.
 */
export async function runAtTerminal(
  stage: Stage,
  command: readonly string[],
  timeoutMs = 20_000,
): Promise<{ shown: string; status: number | NodeJS.Signals }> {
  const console = Console.open({ columns: 80, rows: 24 });
  const screen = readFrom(console.fd);
  // The leader of a session has the first tty that it opens as its terminal.
  const args = ['-c', 'exec <"$0" >"$0" 2>&1; exec "$@"', console.name, ...command];
  const child = spawn('sh', args, { env: stage.env, detached: true, stdio: 'ignore' });
  try {
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const [code, signal] = await within(ended, `the end of ${command.join(' ')}`, timeoutMs);
    const shown = (await screen.all()).toString('latin1');
    return { shown, status: code ?? (signal as NodeJS.Signals) };
  } finally {
    child.kill('SIGKILL');
    screen.close();
    console.close();
  }
}
