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
}

export interface ExecArguments {
  /** A file with the OCI process as JSON. */
  processFile: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  detach?: boolean | undefined;
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

function pair(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

function flag(name: string, isSet: boolean | undefined): string[] {
  return isSet === true ? [name] : [];
}
