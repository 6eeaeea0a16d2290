/** One more process in a container, as like its init as may be. */
import type { OciProcess } from './oci-spec.js';

export interface ExecProcessOptions {
  args: readonly string[];
  terminal: boolean;
  /** As `NAME=value`; each takes the place of what the init has. */
  env: readonly string[];
  /** The init's by default. */
  cwd: string | undefined;
  /** The init's by default, with its other groups. */
  user: { uid: number; gid: number } | undefined;
}

/** @param init of the container's config.json */
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

/** `defaults` only where the first has none. */
function withEnvironment(first: readonly string[], defaults: readonly string[], last: readonly string[]): string[] {
  const byName = new Map([...defaults, ...first, ...last].map((entry) => [entry.split('=', 1)[0], entry]));
  return [...byName.values()];
}
