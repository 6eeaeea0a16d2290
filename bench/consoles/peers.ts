/** The programs that copy consoles: ours, other ways to do it in Node, plain C, and conmon. */
import { spawnSync } from 'node:child_process';
import { constants as fs, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from '../../src/errors/errors.js';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo.js';
import { type Child, builtProgram, createScratch, start, startReady, stop, until } from '../harness/child.js';
import type { BenchConsole, Peer, Placement, ProgramCall, RunningPeer } from '../harness/rounds.js';

/**
 * A peer that speaks the protocol of peers/serve.ts: the harness holds the ptys and hands the masters over. `command` is
 * what is run with the socket's path as its last argument.
 */
export function socketPeer(name: string, command: readonly string[]): Peer {
  return { name, mostConsoles: Number.POSITIVE_INFINITY, start: (placement) => startPeer(command, placement) };
}

export function nodeCommand(name: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL(`../peers/${name}.js`, import.meta.url))];
}

async function startPeer(command: readonly string[], placement: Placement): Promise<RunningPeer> {
  const directory = createScratch();
  const socketPath = join(directory, 'peer.sock');
  const peer = await startReady([...placement.prefix, ...command, socketPath]);
  const idlePrograms: Child[] = [];
  const idleConnections: number[] = [];
  let consoles = 0;
  const nextPath = (): string => join(directory, `${++consoles}`);
  return {
    placement,
    pids: () => [peer.pid as number],
    open: (call) => open(nextPath(), socketPath, placement, call),
    async openIdle(count) {
      const masters = Array.from({ length: count }, openMaster);
      idlePrograms.push(await startReady([builtProgram('program'), 'idle', ...masters.map(slavePath)]));
      for (const master of masters) {
        const path = nextPath();
        idleConnections.push(handOver(path, socketPath, master));
        await seePrompt(`${path}.out`);
      }
    },
    async close() {
      await stop(peer);
      for (const program of idlePrograms) await stop(program);
      for (const connection of idleConnections) addon.fd_close(connection);
    },
  };
}

async function open(path: string, socket: string, placement: Placement, call: ProgramCall): Promise<BenchConsole> {
  const master = openMaster();
  const [mode, ...bytes] = call;
  const program = await startReady([
    ...placement.prefix,
    builtProgram('program'),
    mode,
    slavePath(master),
    ...bytes.map(String),
  ]);
  const connection = handOver(path, socket, master);
  return {
    stdinPath: `${path}.in`,
    stdoutPath: `${path}.out`,
    async end() {
      await stop(program);
      try {
        await until(() => (check(addon.fd_poll(connection), 'poll', 'wait for the peer') & pollIn) !== 0, 'end');
      } finally {
        addon.fd_close(connection);
      }
    },
  };
}

const pollIn = 1;

/** Runtimes send it blocking, and so does the harness. */
function openMaster(): number {
  const master = check(addon.tty_open_master(), 'open', 'open a pty');
  addon.fd_set_nonblocking(master, false);
  return master;
}

function slavePath(master: number): string {
  return `/dev/pts/${check(addon.tty_pts_number(master), 'ioctl', 'ask for the slave')}`;
}

/** Gives the master away. The connection that is returned becomes readable when the copy has ended. */
function handOver(path: string, socketPath: string, master: number): number {
  for (const end of ['in', 'out']) createFifo(`${path}.${end}`);
  const connection = dial(socketPath);
  check(addon.socket_send_fds(connection, Buffer.from(`${path}.in\n${path}.out\n`), [master]), 'sendmsg', 'hand over');
  addon.fd_close(master);
  return connection;
}

/** Each idle console has carried a line: a copier may keep more of one that was used. */
async function seePrompt(path: string): Promise<void> {
  const fd = check(addon.fd_open(path, fs.O_RDONLY | fs.O_NONBLOCK, 0), 'open', `open ${path}`);
  try {
    await until(() => addon.fd_unread(fd) > 0, 'prompt');
  } finally {
    addon.fd_close(fd);
  }
}

/** connect(2) waits while the listener's queue is full. A signal may interrupt it, and then it is called again. */
function dial(path: string): number {
  for (;;) {
    const connection = addon.socket_connect(path);
    if (connection !== -constants.errno.EINTR) return check(connection, 'connect', `dial ${path}`);
  }
}

/**
 * The real conmon, with runtime.c as its OCI runtime. Its consoles are attached to by a socket, where the others have
 * FIFOs: that is its stdio. It logs nothing, as the others. Undefined if conmon is not installed.
 */
export function conmonPeer(): Peer | undefined {
  const { status, stdout } = spawnSync('conmon', ['--version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return {
    name: `conmon ${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? ''}`,
    mostConsoles: 100,
    remark: 'one process for each console: its memory is the sum of their PSS, and 1000 of them were not started',
    start: (placement) => Promise.resolve(runConmon(placement)),
  };
}

interface Instance {
  child: Child;
  bundle: string;
}

function runConmon(placement: Placement): RunningPeer {
  const directory = createScratch();
  const instances = new Set<Instance>();
  const launch = async (program: readonly string[]): Promise<Instance> => {
    const bundle = join(directory, `${instances.size + 1}-${performance.now().toFixed(3)}`);
    mkdirSync(bundle);
    const instance = { bundle, child: start([...placement.prefix, 'conmon', ...conmonArguments(bundle, program)]) };
    instances.add(instance);
    await until(() => existsSync(join(bundle, 'attach')) && existsSync(join(bundle, 'pid')), 'conmon');
    return instance;
  };
  const end = async (instance: Instance): Promise<void> => {
    const { child, bundle } = instance;
    killIfRunning(Number(readFileSync(join(bundle, 'pid'), 'utf8')));
    await until(() => child.exitCode !== null || child.signalCode !== null, 'end of conmon');
    instances.delete(instance);
  };
  return {
    placement,
    pids: () => [...instances].map(({ child }) => child.pid as number),
    async open(program): Promise<BenchConsole> {
      const instance = await launch(program.map(String));
      const path = join(instance.bundle, 'attach');
      return { stdinPath: path, stdoutPath: path, end: () => end(instance) };
    },
    async openIdle(count) {
      for (let i = 0; i < count; i++) await launch(['idle']);
    },
    async close() {
      for (const { child } of instances) await stop(child);
    },
  };
}

/** A program that ended by itself is reaped by conmon. */
function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function conmonArguments(bundle: string, program: readonly string[]): string[] {
  const named = {
    cid: 'bench',
    cuuid: 'bench',
    name: 'bench',
    bundle,
    'container-pidfile': join(bundle, 'pid'),
    'socket-dir-path': bundle,
    runtime: builtProgram('runtime'),
    'log-path': 'none',
  };
  const flags = ['sync', 'terminal', 'stdin', 'leave-stdin-open', 'no-sync-log', 'full-attach'];
  return [
    ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]),
    ...flags.map((name) => `--${name}`),
    ...[builtProgram('program'), ...program].flatMap((argument) => ['--runtime-arg', argument]),
  ];
}
