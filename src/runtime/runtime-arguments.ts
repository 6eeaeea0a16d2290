/** The command line of an OCI runtime: what follows the program's name. */
import { resolve } from 'node:path';

export interface GlobalOptions {
  /** The directory where the runtime keeps its state. */
  root?: string | undefined;
  /** Make cgroups through systemd. */
  systemdCgroup?: boolean | undefined;
}

export interface CreateArguments {
  bundle: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
}

export interface ExecArguments {
  /** A file with the OCI process as JSON. */
  processFile: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  detach?: boolean | undefined;
}

/** As criu takes them; see criu(8). */
export interface CheckpointOptions {
  /** Where the images go. */
  imagePath: string;
  workPath?: string | undefined;
  parentPath?: string | undefined;
  leaveRunning?: boolean | undefined;
  openTcp?: boolean | undefined;
  externalUnixSockets?: boolean | undefined;
  /** The processes have a terminal that comes from outside. */
  shellJob?: boolean | undefined;
  fileLocks?: boolean | undefined;
  emptyNamespaces?: readonly string[] | undefined;
  /** `soft`, `full` or `strict`. */
  cgroupsMode?: string | undefined;
}

export function globalArguments({ root, systemdCgroup }: GlobalOptions): string[] {
  return [...pair('--root', root), ...flag('--systemd-cgroup', systemdCgroup)];
}

export function createArguments(id: string, options: CreateArguments): string[] {
  return [
    ...pair('--bundle', resolve(options.bundle)),
    ...pair('--console-socket', options.consoleSocket),
    ...pair('--pid-file', options.pidFile),
    ...flag('--no-pivot', options.noPivot),
    ...flag('--no-new-keyring', options.noNewKeyring),
    id,
  ];
}

export function execArguments(id: string, options: ExecArguments): string[] {
  return [
    ...pair('--process', options.processFile),
    ...pair('--console-socket', options.consoleSocket),
    ...pair('--pid-file', options.pidFile),
    ...flag('--detach', options.detach),
    id,
  ];
}

/** `all` reaches every process of the container, not only its first. */
export function killArguments(id: string, signal: string | number, all: boolean | undefined): string[] {
  return [...flag('--all', all), id, String(signal)];
}

export function deleteArguments(id: string, force: boolean | undefined): string[] {
  return [...flag('--force', force), id];
}

export function checkpointArguments(id: string, options: CheckpointOptions): string[] {
  return [
    ...pair('--image-path', options.imagePath),
    ...pair('--work-path', options.workPath),
    ...pair('--parent-path', options.parentPath),
    ...flag('--leave-running', options.leaveRunning),
    ...flag('--tcp-established', options.openTcp),
    ...flag('--ext-unix-sk', options.externalUnixSockets),
    ...flag('--shell-job', options.shellJob),
    ...flag('--file-locks', options.fileLocks),
    ...(options.emptyNamespaces ?? []).flatMap((name) => pair('--empty-ns', name)),
    ...pair('--manage-cgroups-mode', options.cgroupsMode),
    id,
  ];
}

function pair(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

function flag(name: string, isSet: boolean | undefined): string[] {
  return isSet === true ? [name] : [];
}
