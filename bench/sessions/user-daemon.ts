/** A daemon of a user, whose containers are processes of this host, under the embedded runtime. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hostSpec } from '../../src/runtime/spec/host-spec.js';
import { type Client, clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { CreateOptions } from '../../src/ttrpc/gen/termshim/options.js';
import { SessionsDefinition } from '../../src/ttrpc/gen/termshim/sessions.js';
import { packAny } from '../../src/ttrpc/message.js';
import { ptyRuntimeProgram } from '../../test/helpers/runtime/fake-runtime.js';
import { termshimCommand } from '../../test/helpers/runtime/run-command.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { startReady, stop } from '../harness/child.js';
import type { Placement } from '../harness/peer.js';
import { type Ends, makeEnds } from '../shims/ends.js';
import type { Way } from './ways.js';

export interface UserDaemon {
  readonly pid: number;
  /** Words to put in front of a command, so that it finds this daemon. */
  readonly environment: readonly string[];
  readonly sessions: Client<typeof SessionsDefinition>;
  /** For files that nobody needs later. */
  readonly directory: string;
  run(script: string, options?: RunOptions): Promise<BenchSession>;
  /** Kills and deletes all it has, and ends it. */
  close(): Promise<void>;
}

export interface RunOptions {
  /** Where it has no FIFOs of its own somebody is attached by these, from before its start. */
  isFollowed?: boolean;
}

export interface BenchSession {
  readonly id: string;
  /** Nobody reads at them yet. */
  readonly ends: Ends;
  /** Kills and deletes it, and closes the ends. Idempotent. */
  remove(): Promise<void>;
}

const size = { columns: 80, rows: 24 };
const runtime = { runtimeName: 'pty', runtimeCommand: [ptyRuntimeProgram] };

export async function startUserDaemon(stage: Stage, way: Way, placement: Placement): Promise<UserDaemon> {
  const directory = stage.path(way.name.replaceAll(' ', '-'));
  mkdirSync(directory, { mode: 0o700, recursive: true });
  const environment = ['env', `XDG_RUNTIME_DIR=${directory}`, `TERMSHIM_TEST=${stage.env['TERMSHIM_TEST']}`];
  const daemon = await startReady([...placement.prefix, ...environment, ...termshimCommand('daemon')]);
  const connection = await connectTtrpc(join(directory, 'termshim/daemon.sock'));
  const task = clientOf(TaskDefinition, connection);
  const sessions = clientOf(SessionsDefinition, connection);
  const running = new Set<BenchSession>();
  return {
    pid: daemon.pid as number,
    environment,
    sessions,
    directory,
    async run(script, { isFollowed = false } = {}) {
      const id = stage.newId();
      const ends = makeEnds(directory, id);
      ends.output.pause();
      const session: BenchSession = {
        id,
        ends,
        async remove() {
          if (!running.delete(session)) return;
          await task.kill({ id, signal: 9 }).catch(() => {});
          await task.wait({ id });
          await task.delete({ id });
          ends.close();
        },
      };
      running.add(session);
      const { stdin, stdout } = ends;
      const config = Buffer.from(JSON.stringify(hostSpec({ args: ['/bin/sh', '-c', script], size })));
      const options = packAny(CreateOptions, { ...runtime, config, screen: way.hasScreen });
      await task.create({ id, terminal: true, options, ...(way.hasFifos ? { stdin, stdout } : {}) });
      if (isFollowed && !way.hasFifos) await sessions.attach({ id, stdin, stdout, ...size });
      await task.start({ id });
      return session;
    },
    async close() {
      for (const session of running) await session.remove();
      connection.close();
      await stop(daemon);
    },
  };
}
