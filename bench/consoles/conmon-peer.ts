/**
 * The real conmon, with runtime.c as its OCI runtime. Its consoles are attached to by a socket, where the others have
 * FIFOs: that is its stdio. It logs nothing, as the others.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, builtProgram, start, stop, until } from '../harness/child.js';
import type { BenchConsole, Peer, Placement, RunningPeer } from '../harness/peer.js';
import { createScratch } from '../harness/scratch.js';

/** Undefined where conmon is not installed. */
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
