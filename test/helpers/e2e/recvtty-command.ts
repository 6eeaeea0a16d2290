/** Runs `termshim recvtty`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type CommandResult, outcomeOf } from '../base/command.js';
import type { Stage } from './stage.js';
import { termshimProgram } from './termshim.js';
import { waitFor, within } from '../base/wait-for.js';

export interface RunningRecvtty {
  readonly child: ChildProcess;
  readonly socket: string;
  /** What it printed on stdout so far. */
  readonly shown: string;
  type(text: string): void;
  sees(text: string): Promise<void>;
  end(): Promise<CommandResult>;
}

/** Settles when it listens. It is killed at the end of the test. */
export async function startRecvtty(stage: Stage, args: readonly string[] = []): Promise<RunningRecvtty> {
  const socket = stage.path('console.sock');
  const child = spawn(termshimProgram, ['recvtty', ...args, socket], { env: stage.env });
  stage.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (data: Buffer) => {
    shown += data.toString('latin1');
  });
  child.stdin.on('error', () => {});
  const outcome = outcomeOf(child);
  await waitFor(() => isListening(socket), 'termshim recvtty to listen');
  return {
    child,
    socket,
    get shown() {
      return shown;
    },
    type: (text) => void child.stdin.write(text),
    async sees(text) {
      await waitFor(() => shown.includes(text), JSON.stringify(text)).catch((error: Error) => {
        throw new Error(`${error.message}; it printed ${JSON.stringify(shown)}`);
      });
    },
    end: () => within(outcome, 'the end of termshim recvtty'),
  };
}

/** A socket's file is there a moment before anybody can dial it; the flag in proc(5) says when. */
export function isListening(path: string): boolean {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.some((line) => line.endsWith(` ${path}`) && line.split(' ')[3] === acceptsConnections);
}

const acceptsConnections = '00010000';
