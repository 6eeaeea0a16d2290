/** Starts termshim-log-driver as a shim does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import type { OwnedFd } from '../../../src/os/owned-fd.js';
import { createPipe } from '../../../src/os/pipe.js';
import { packageRoot } from '../../../src/package.js';
import { outcomeOf, type CommandResult } from '../base/command.js';
import type { Scope } from '../base/leak-free.js';
import { waitFor, within } from '../base/wait-for.js';

export const logDriverPath = join(packageRoot, 'bin/termshim-log-driver');

/** The pipes of a container: a shim holds both their ends for as long as it likes. */
export interface Output {
  readonly stdout: { readonly ours: OwnedFd; readonly theirs: OwnedFd };
  readonly stderr: { readonly ours: OwnedFd; readonly theirs: OwnedFd };
  /** Runs a program that writes there, to its end. */
  run(command: readonly string[]): Promise<void>;
  /** The writing ends: what is in the pipes is the rest. */
  end(): void;
}

export function openOutput(scope: Scope): Output {
  const [stdout, stderr] = [
    createPipe({ ours: 'reader', name: 'stdout' }),
    createPipe({ ours: 'reader', name: 'stderr' }),
  ];
  const end = (): void => [stdout, stderr].forEach(({ theirs }) => theirs.close());
  scope.after(() => {
    end();
    for (const { ours } of [stdout, stderr]) ours.close();
  });
  return {
    stdout,
    stderr,
    end,
    async run([program = '', ...args]) {
      const child = spawn(program, args, { stdio: ['ignore', stdout.theirs.fd, stderr.theirs.fd] });
      scope.after(() => child.kill('SIGKILL'));
      const { status } = await outcomeOf(child);
      if (status !== 0) throw new Error(`${program} ended with ${status}`);
    },
  };
}

export interface Driver {
  readonly child: ChildProcess;
  /** Resolves when it is ready or has ended, with what it wrote to say so. */
  readonly ready: Promise<Buffer>;
  /** Its end, which comes of itself or by a signal. */
  readonly ended: Promise<CommandResult>;
}

/** With the environment of containerd's shim, which has no PATH. */
export function startDriver(scope: Scope, output: Output, args: readonly string[]): Driver {
  const ready = createPipe({ ours: 'reader', name: 'the word that the log is open' });
  const child = spawn(logDriverPath, args, {
    env: { CONTAINER_ID: 'c', CONTAINER_NAMESPACE: 'test' },
    stdio: ['ignore', 'ignore', 'pipe', output.stdout.ours.fd, output.stderr.ours.fd, ready.theirs.fd],
  });
  ready.theirs.close();
  scope.after(() => {
    child.kill('SIGKILL');
    ready.ours.close();
  });
  return { child, ready: readToEnd(ready.ours), ended: within(outcomeOf(child), 'the end of the driver', 60_000) };
}

function readToEnd({ fd }: OwnedFd): Promise<Buffer> {
  const said: Buffer[] = [];
  return waitFor(() => {
    const bytes = Buffer.alloc(16);
    const got = addon.fd_read(fd, bytes);
    if (got > 0) said.push(bytes.subarray(0, got));
    return got === 0 && Buffer.concat(said);
  }, 'the driver to be ready');
}
