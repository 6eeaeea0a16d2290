/**
 * What is the same for each program of ours, where a user's Node would do something else: it opens its debugger for nobody,
 * and takes nothing from the environment that loads code. The launcher executes them so (native/launcher/node.c and
 * environment.c), and what they execute of our own, they execute so too.
 */

/** At this address nobody can listen, and so the debugger of Node cannot: a link-local one without its interface. */
export const noDebugger = '--inspect-port=[fe80::1]:9229';

/** Names of variables that load code into Node, move its output or open its debugger. */
const isForNode = (name: string): boolean => /^(?:NODE|LD|OPENSSL)_/.test(name);

const keptPrefix = 'TERMSHIM_KEPT_';

/**
 * To be called first by each program. What the launcher kept from Node is in the environment again: for our children it is
 * as it was. SIGUSR1, which debuggers send to Node, does nothing.
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

/** How to run another program of ours, a script, on the Node that runs this one. It begins with `beginProgram`. */
export function ownCommand(script: string, args: readonly string[]): OwnCommand {
  const entries = Object.entries(process.env)
    .filter(([name]) => !name.startsWith(keptPrefix) && name !== 'TERMSHIM_ADDON')
    .map(([name, value]) => [isForNode(name) ? keptPrefix + name : name, value]);
  return {
    program: process.execPath,
    args: [noDebugger, script, ...args],
    // Node passes it on by itself where nobody says a word of it.
    env: { ...(Object.fromEntries(entries) as NodeJS.ProcessEnv), NODE_V8_COVERAGE: undefined },
  };
}
