/**
 * How termshim's programs differ from plain Node: the debugger never opens, and no environment variable loads code into
 * Node. The launcher starts programs this way (native/launcher/node.c and environment.c), and so does `ownCommand`.
 */

/** Keeps the debugger shut: nothing can listen at this address, which is link-local and names no interface. */
export const noDebugger = '--inspect-port=[fe80::1]:9229';

/** Whether a variable may load code into Node, redirect its output or open its debugger. */
const isForNode = (name: string): boolean => /^(?:NODE|LD|OPENSSL)_/.test(name);

const keptPrefix = 'TERMSHIM_KEPT_';

/**
 * Each program calls this first. It gives the variables that the launcher hid from Node their names back, so that child
 * processes get the original environment. It makes SIGUSR1, which debuggers send to Node, do nothing.
 */
export function beginProgram(): void {
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith(keptPrefix)) continue;
    process.env[name.slice(keptPrefix.length)] = value;
    delete process.env[name];
  }
  process.on('SIGUSR1', () => {});
}

export interface OwnCommand {
  program: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

/** The command that runs another program of termshim on this process's Node. Its script must call `beginProgram`. */
export function ownCommand(script: string, args: readonly string[]): OwnCommand {
  const entries = Object.entries(process.env)
    .filter(([name]) => !name.startsWith(keptPrefix) && name !== 'TERMSHIM_ADDON')
    .map(([name, value]) => [isForNode(name) ? keptPrefix + name : name, value]);
  return {
    program: process.execPath,
    args: [noDebugger, script, ...args],
    // Node adds this variable to a child's environment, unless `env` has the name.
    env: { ...(Object.fromEntries(entries) as NodeJS.ProcessEnv), NODE_V8_COVERAGE: undefined },
  };
}
