/** Runs `termshim copy` between two FIFOs, with a client at them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { CopyResult } from '../../../src/stdio/copy/copy-api.js';
import { outcomeOf } from '../base/command.js';
import type { Testbed } from './testbed.js';
import { termshimProgram } from './termshim.js';
import { waitFor, within } from '../base/wait-for.js';

export interface CopyEnding {
  status: number | NodeJS.Signals;
  stderr: string;
  /** Its last line on stdout. */
  result: CopyResult;
}

export interface RunningCopy {
  readonly pid: number;
  /** Where it said that it listens. */
  readonly consoleSocket: string;
  /** The FIFOs. */
  readonly stdin: string;
  readonly stdout: string;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end; 10 seconds unless told otherwise. */
  end(timeoutMs?: number): Promise<CopyEnding>;
}

/** Makes two new FIFOs, and starts the command; settles when it listens. It is killed at the end of the test. */
export async function startCopy(
  testbed: Testbed,
  args: readonly string[] = [],
  env = testbed.env,
): Promise<RunningCopy> {
  const name = `${testbed.newId()}-copy`;
  const [stdin, stdout] = [testbed.path(`${name}-in`), testbed.path(`${name}-out`)];
  spawnSync('mkfifo', [stdin, stdout]);
  const all = ['copy', '--stdin', stdin, '--stdout', stdout, ...args];
  const child = spawn(termshimProgram, all, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  testbed.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  const outcome = outcomeOf(child);
  const listening = waitFor(() => /^.*\n/.exec(printed)?.[0], 'termshim copy to listen');
  const failed = outcome.then(({ stderr }) => Promise.reject(new Error(`termshim copy ended: ${stderr}`)));
  failed.catch(() => {});
  const { consoleSocket } = JSON.parse(await Promise.race([listening, failed])) as { consoleSocket: string };
  return {
    pid: child.pid as number,
    consoleSocket,
    stdin,
    stdout,
    signal: (signal) => void child.kill(signal),
    async end(timeoutMs) {
      const { stderr, status } = await within(outcome, 'the end of termshim copy', timeoutMs);
      const last = printed.trimEnd().split('\n').at(-1) as string;
      return { status, stderr, result: JSON.parse(last) as CopyResult };
    },
  };
}

export interface Client {
  /** What came so far. */
  readonly shown: string;
  type(text: string | Uint8Array): void;
  /** Closes its end of stdin, once all that was typed is written. */
  stopTyping(): void;
  /** Waits until the text is in what came. */
  expect(text: string, timeoutMs?: number): Promise<void>;
  /** Waits for the end of the output. */
  end(): Promise<string>;
  /** kill -9. */
  die(): Promise<void>;
}

/** A client: one process that reads the stdout FIFO, and one that writes to the stdin FIFO. */
export function startClient(testbed: Testbed, { stdin, stdout }: { stdin: string; stdout: string }): Client {
  const reader = spawn('cat', [stdout], { env: testbed.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const writer = spawn('sh', ['-c', `exec cat >'${stdin}'`], {
    env: testbed.env,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const children = [reader, writer];
  let shown = '';
  reader.stdout.on('data', (data: Buffer) => {
    shown += data.toString('latin1');
  });
  writer.stdin.on('error', () => {});
  const readerEnd = once(reader, 'close');
  const ends = [readerEnd, once(writer, 'close')];
  testbed.after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  return {
    get shown() {
      return shown;
    },
    type: (text) => void writer.stdin.write(text),
    stopTyping: () => void writer.stdin.end(),
    async expect(text, timeoutMs) {
      await waitFor(() => shown.includes(text), JSON.stringify(text), timeoutMs).catch((error: Error) => {
        throw new Error(`${error.message}; the client has ${JSON.stringify(shown.slice(-2000))}`);
      });
    },
    async end() {
      await within(readerEnd, 'the end of the output');
      return shown;
    },
    async die() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ends);
    },
  };
}
