/**
 * The verbs, in the order of the help. Only the one that is asked for is loaded: a copier should not wait for a
 * runtime's code.
 */
import { Command } from 'commander';

export interface Verb {
  /** Its line in the help. */
  about: string;
  load: () => Promise<{ command: () => Command }>;
}

export const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries({
    run: {
      about: 'run a process with a terminal: in a container, or right here',
      load: () => import('./run.js'),
    },
    copy: {
      about: 'copy stdin FIFO -> console -> stdout FIFO for one console that a runtime sends',
      load: () => import('./copy.js'),
    },
    recvtty: {
      about: "receive consoles at a socket, as runc's recvtty does",
      load: () => import('./recvtty.js'),
    },
  }),
);

export async function loadVerb(name: string, { about, load }: Verb): Promise<Command> {
  const { command } = await load();
  return command().name(name).description(about);
}

/** Enough of a verb for the help. */
export function verbStub(name: string, { about }: Verb): Command {
  return new Command(name).description(about);
}
