/** Makes the OCI process of an exec from that of the init. */
import type { OciProcess } from './oci-spec.js';

export interface ExecProcessOptions {
  args: readonly string[];
  terminal: boolean;
  /** As `NAME=value`; each replaces the init's variable of that name. */
  env: readonly string[];
  /** The init's by default. */
  cwd: string | undefined;
  /** The init's by default, with its additional groups. */
  user: { uid: number; gid: number } | undefined;
}

/** @param init the process of the container's config.json */
export function execProcess(init: OciProcess, { args, terminal, env, cwd, user }: ExecProcessOptions): OciProcess {
  const { consoleSize: _, ...rest } = init;
  return {
    ...rest,
    terminal,
    args: [...args],
    env: withEnvironment(init.env ?? [], terminal ? ['TERM=xterm'] : [], env),
    cwd: cwd ?? init.cwd,
    user: user ?? init.user,
  };
}

/** If several lists have a variable, the last list counts: `defaults`, `first`, `last`. */
function withEnvironment(first: readonly string[], defaults: readonly string[], last: readonly string[]): string[] {
  const byName = new Map([...defaults, ...first, ...last].map((entry) => [entry.split('=', 1)[0], entry]));
  return [...byName.values()];
}
