/** A verb of the command line. */
import type { Command } from 'commander';

export interface Verb {
  /** Its line in the help. */
  about: string;
  load: () => Promise<{ command: (verbs: Verbs) => Command }>;
}

/** By name, in the order of the help. */
export type Verbs = ReadonlyMap<string, Verb>;

/** The name must be one of `verbs`. */
export async function loadVerb(name: string, verbs: Verbs): Promise<Command> {
  const { about, load } = verbs.get(name) as Verb;
  const { command } = await load();
  return command(verbs).name(name).description(about);
}
