/**
 * The command line of an OCI runtime, without the program. The order of the arguments is that of go-runc, and so of
 * containerd's own shim: wrappers of runc rely on it. Paths are absolute, since the runtime may run in another
 * directory than this process.
 */
import { resolve } from 'node:path';

/** Options of every command of a runtime. */
export interface GlobalOptions {
  /** The directory where the runtime keeps its state. */
  root?: string | undefined;
  /** Make cgroups through systemd. */
  systemdCgroup?: boolean | undefined;
}

/** Arguments of `create`. */
export interface CreateArguments {
  /** The directory with config.json. */
  bundle: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
}

/** Arguments of `exec`. */
export interface ExecArguments {
  /** A file with the OCI process as JSON. */
  processFile: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  detach?: boolean | undefined;
}

/** Options of `checkpoint`, as criu has them; see criu(8). */
export interface CheckpointOptions {
  /** The directory for the images. */
  imagePath: string;
  workPath?: string | undefined;
  parentPath?: string | undefined;
  leaveRunning?: boolean | undefined;
  openTcp?: boolean | undefined;
  externalUnixSockets?: boolean | undefined;
  /** Whether the processes have a terminal from outside the container. */
  shellJob?: boolean | undefined;
  fileLocks?: boolean | undefined;
  emptyNamespaces?: readonly string[] | undefined;
  /** `soft`, `full` or `strict`. */
  cgroupsMode?: string | undefined;
}

/** @param log the file to which the runtime writes its errors, as JSON */
export function globalArguments({ root, systemdCgroup }: GlobalOptions, log: string): string[] {
  return [
    ...path('--root', root),
    ...path('--log', log),
    ...pair('--log-format', 'json'),
    ...flag('--systemd-cgroup', systemdCgroup),
  ];
}

export function createArguments(id: string, options: CreateArguments): string[] {
  return [
    ...path('--bundle', options.bundle),
    ...path('--pid-file', options.pidFile),
    ...path('--console-socket', options.consoleSocket),
    ...flag('--no-pivot', options.noPivot),
    ...flag('--no-new-keyring', options.noNewKeyring),
    id,
  ];
}

export function execArguments(id: string, options: ExecArguments): string[] {
  return [
    ...path('--process', options.processFile),
    ...path('--console-socket', options.consoleSocket),
    ...flag('--detach', options.detach),
    ...path('--pid-file', options.pidFile),
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
    ...path('--image-path', options.imagePath),
    ...path('--work-path', options.workPath),
    ...path('--parent-path', options.parentPath),
    ...flag('--tcp-established', options.openTcp),
    ...flag('--ext-unix-sk', options.externalUnixSockets),
    ...flag('--shell-job', options.shellJob),
    ...flag('--file-locks', options.fileLocks),
    ...pair('--manage-cgroups-mode', options.cgroupsMode),
    ...(options.emptyNamespaces ?? []).flatMap((name) => pair('--empty-ns', name)),
    ...flag('--leave-running', options.leaveRunning),
    id,
  ];
}

/** Arguments of `restore`. */
export interface RestoreArguments extends Omit<CreateArguments, 'noNewKeyring'> {
  /** The directory of the images. If their checkpoint has a parent, they refer to it. */
  imagePath: string;
  /** The directory for criu's log. */
  workPath?: string | undefined;
}

export function restoreArguments(id: string, options: RestoreArguments): string[] {
  return [
    ...path('--image-path', options.imagePath),
    ...path('--work-path', options.workPath),
    '--detach',
    ...path('--pid-file', options.pidFile),
    ...path('--console-socket', options.consoleSocket),
    ...flag('--no-pivot', options.noPivot),
    ...path('--bundle', options.bundle),
    id,
  ];
}

/** The new limits come on stdin. */
export function updateArguments(id: string): string[] {
  return ['--resources=-', id];
}

function path(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, resolve(value)];
}

function pair(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

function flag(name: string, isSet: boolean | undefined): string[] {
  return isSet === true ? [name] : [];
}
