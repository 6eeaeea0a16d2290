/** Finds what an end-to-end test leaves on this machine: files, containers, processes, mounts, control groups. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { containersIn } from '../runtime/crun-command.js';

export interface Marks {
  /** The directory of the test. */
  directory: string;
  /** The test's $XDG_RUNTIME_DIR. */
  runtimeDirectory: string;
  /** `NAME=value`, which is in the environment of each process of the test outside of containers. */
  variable: string;
  ids: readonly string[];
  others: OtherLeftovers[];
}

/** Leftovers of a kind that only some tests can have. */
export interface OtherLeftovers {
  /** One line for each. */
  find(): string[];
  /** Removes everything that was found, after all processes of the test have ended. */
  remove(): void;
}

export interface LivingProcess {
  pid: number;
  commandLine: string;
}

/** One line for each leftover; empty if nothing is left. */
export function findLeftovers(marks: Marks): string[] {
  return [
    ...findProcesses(marks).map(({ pid, commandLine }) => `process ${pid}: ${commandLine}`),
    ...findRuntimeFiles(marks.runtimeDirectory),
    ...findMounts(marks),
    ...marks.ids.flatMap(findContainers),
    ...marks.ids.flatMap(findControlGroups).map((path) => `control group ${path}`),
    ...marks.others.flatMap((other) => other.find()),
  ];
}

/**
 * Processes with the variable in their environment, processes in the control group of a container of the test, and log drivers,
 * which have only the id of the container in their environment.
 */
export function findProcesses({ variable, ids }: Marks): LivingProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const environment = readProcFile(name, 'environ').split('\0');
      const groups = readProcFile(name, 'cgroup');
      const isOf = (id: string): boolean => groups.includes(`/${id}`) || environment.includes(`CONTAINER_ID=${id}`);
      return environment.includes(variable) || ids.some(isOf);
    })
    .map((name) => ({ pid: Number(name), commandLine: readProcFile(name, 'cmdline').replaceAll('\0', ' ').trim() }));
}

/** The directories of termshim and of the runtimes may stay if they are empty. */
function findRuntimeFiles(runtimeDirectory: string): string[] {
  const users = readdirSync(runtimeDirectory).map((name) => join(runtimeDirectory, name));
  return users.flatMap((path) => containersIn(path).map((name) => `file ${join(path, name)}`));
}

function findMounts({ directory, ids }: Marks): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.filter((mount) => [directory, ...ids].some((mark) => mount.includes(mark))).map((it) => `mount ${it}`);
}

function findContainers(id: string): string[] {
  return [`/run/runc/${id}`, `/run/crun/${id}`, `/run/termshim-runtime-pty/${id}`].filter((path) => existsSync(path));
}

/** runc and crun create them at the top of each hierarchy. */
export function findControlGroups(id: string): string[] {
  const top = '/sys/fs/cgroup';
  const hierarchies = existsSync(top) ? readdirSync(top, { withFileTypes: true }) : [];
  const paths = [join(top, id), ...hierarchies.filter((it) => it.isDirectory()).map((it) => join(top, it.name, id))];
  return paths.filter((path) => existsSync(path));
}

/** Empty for a process that has ended meanwhile, and for a zombie. */
function readProcFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
