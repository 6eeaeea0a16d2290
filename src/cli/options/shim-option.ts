/** `--shim`, of the verbs that can do without our daemon, and before them. */
import { type Command, Option } from 'commander';

export interface ShimOption {
  /** Another runtime v2 shim, in place of the daemon. */
  shim?: string | undefined;
}

export function shimOption(): Option {
  return globalShimOption().env('TERMSHIM_SHIM');
}

/** `termshim --shim PATH VERB` */
export function globalShimOption(): Option {
  return new Option('--shim <path>', 'drive another runtime v2 shim, without containerd and without our daemon');
}

/** What was said before the verb is the verb's. One that has no use for it refuses, as it does any other option. */
export function passShimOn(program: Command, verb: Command): void {
  const { shim } = program.opts<ShimOption>();
  if (shim === undefined || verb.getOptionValueSource('shim') === 'cli') return;
  if (!verb.options.some((it) => it.long === '--shim')) verb.error(`error: ${verb.name()} takes no --shim`);
  verb.setOptionValueWithSource('shim', shim, 'cli');
}
