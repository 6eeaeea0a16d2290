/** A way to a terminal as a peer. Its consoles are those of containers of a daemon that has no others. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FifoReader, FifoWriter } from '../../src/os/fifo.js';
import { hostSpec } from '../../src/runtime/spec/host-spec.js';
import { type Client, clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { CreateOptions } from '../../src/ttrpc/gen/termshim/options.js';
import { SessionsDefinition } from '../../src/ttrpc/gen/termshim/sessions.js';
import { packAny } from '../../src/ttrpc/message.js';
import type { Scope } from '../../test/helpers/base/leak-free.js';
import { waitFor } from '../../test/helpers/base/wait-for.js';
import { type Reader, readFrom } from '../../test/helpers/copy/reader.js';
import { writeAll } from '../../test/helpers/copy/write-all.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { ptyRuntimeProgram } from '../../test/helpers/runtime/fake-runtime.js';
import { termshimCommand } from '../../test/helpers/runtime/run-command.js';
import { attachClient } from '../../test/helpers/sessions/session-client.js';
import { builtProgram, startReady, stop } from '../harness/child.js';
import type { Peer, Placement, ProgramCall, RunningPeer } from '../harness/rounds.js';
import { type Ends, makeEnds } from '../harness/stage.js';

export interface RunningSession extends RunningPeer {
  /** Somebody comes, to a program that sends back each line. */
  visit(): Promise<Visitor>;
  /** The command of a human who comes. */
  readonly command: readonly string[];
  /** Has it show something that nobody has read, for who comes next. */
  prompt(): Promise<void>;
}

export function sessionPeer(testbed: Testbed, way: Way): Peer<RunningSession> {
  return {
    name: way.name,
    mostConsoles: 100,
    async start(placement) {
      const daemon = await startUserDaemon(testbed, way, placement);
      const { id, ends } = await daemon.run('echo ready; exec cat');
      const place = { id, stdin: ends.stdin, stdout: ends.stdout, sessions: daemon.sessions };
      const shownBytes = async () => (await daemon.sessions.inspect({ id })).session?.stdoutBytes ?? 0n;
      await waitFor(async () => (await shownBytes()) > 0n, 'the first output');
      return {
        placement,
        pids: () => [daemon.pid],
        open: (call) => openConsole(daemon, testbed.newId(), call),
        async openIdle(count) {
          for (let i = 0; i < count; i++) (await daemon.run('echo idle; exec cat')).ends.output.resume();
        },
        visit: () => visit(testbed, way, place),
        command: [...daemon.environment, ...commandOf(way, place)],
        async prompt() {
          // What a session has shown is shown again.
          if (!way.hasFifos) return;
          const before = await shownBytes();
          ends.type('\n');
          await waitFor(async () => (await shownBytes()) > before, 'more output');
        },
        close: () => daemon.close(),
      };
    },
  };
}

/** Runs bench/c/program.c on the tty. Its `ready` goes to a file, where it is no part of the output. */
async function openConsole(daemon: UserDaemon, name: string, [mode, ...amounts]: ProgramCall) {
  const sign = join(daemon.directory, `${name}.ready`);
  const command = `exec ${builtProgram('program')} ${mode} /dev/tty ${amounts.join(' ')} >${sign}`;
  const session = await daemon.run(command, { isFollowed: true });
  await waitFor(() => existsSync(sign) && statSync(sign).size > 0, 'the program');
  const { stdin: stdinPath, stdout: stdoutPath } = session.ends;
  return { stdinPath, stdoutPath, end: () => session.remove() };
}

/** Somebody who has come to a terminal. */
export interface Visitor {
  readonly output: Reader;
  type(text: string): Promise<void>;
  leave(): void;
}

export interface Way {
  readonly name: string;
  /** If true, the process has its own FIFOs, as with containerd. If false, the harness attaches to its session as a client. */
  readonly hasFifos: boolean;
  readonly hasScreen: boolean;
}

/** The first is what the others are compared with. */
export const ways: readonly [Way, ...Way[]] = [
  { name: 'FIFOs', hasFifos: true, hasScreen: false },
  { name: 'session', hasFifos: false, hasScreen: false },
  { name: 'session with its screen', hasFifos: false, hasScreen: true },
];

export interface Place {
  id: string;
  stdin: string;
  stdout: string;
  sessions: Client<typeof SessionsDefinition>;
}

export async function visit(scope: Scope, way: Way, { id, stdin, stdout, sessions }: Place): Promise<Visitor> {
  if (!way.hasFifos) return attachClient(scope, sessions, { id });
  const source = FifoReader.open(stdout);
  const output = readFrom(source.fd);
  const sink = await FifoWriter.open(stdin, { timeoutMs: 1000 });
  return {
    output,
    type: (text) => writeAll(sink.fd, text),
    leave() {
      output.close();
      source.close();
      sink.close();
    },
  };
}

/** What does it for a human. */
export function commandOf({ hasFifos }: Way, { id, stdin, stdout }: Place): readonly string[] {
  if (!hasFifos) return termshimCommand('attach', id);
  return [process.execPath, builtProgram('attach-to-fifos.cjs'), stdin, stdout];
}

/** A daemon of a user, whose containers are processes of this host, under the embedded runtime. */
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

export async function startUserDaemon(testbed: Testbed, way: Way, placement: Placement): Promise<UserDaemon> {
  const directory = testbed.path(way.name.replaceAll(' ', '-'));
  mkdirSync(directory, { mode: 0o700, recursive: true });
  const environment = ['env', `XDG_RUNTIME_DIR=${directory}`, `TERMSHIM_TEST=${testbed.env['TERMSHIM_TEST']}`];
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
      const id = testbed.newId();
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
