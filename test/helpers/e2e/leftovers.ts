/** What an end-to-end test can leave behind on this machine: files, containers, processes, mounts, control groups. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { containersIn } from '../runtime/crun-command.js';

export interface Marks {
  /** Everything of the test is below it. */
  directory: string;
  /** Its $XDG_RUNTIME_DIR. */
  runtimeDirectory: string;
  /** A `NAME=value` that stands in the environment of each of its processes outside of containers. */
  variable: string;
  ids: readonly string[];
  others: OtherLeftovers[];
}

/** What only some tests can leave behind. */
export interface OtherLeftovers {
  /** Each in words. */
  find(): string[];
  /** All that was found, when no process of the test lives. */
  remove(): void;
}

export interface LivingProcess {
  pid: number;
  commandLine: string;
}

/** Each trace in words; empty if nothing is left. */
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
 * Those with the variable in their environment, those in the control group of one of the containers, and log drivers, which
 * know nothing but whose they are.
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

/** The directories of termshim and of the runtimes may stay, but empty. */
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

/** runc and crun make them at the top of each hierarchy. */
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
