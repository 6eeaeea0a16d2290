/** The option `--shim`, before or after a verb that can use an external shim. */
import { type Command, Option } from 'commander';

export interface ShimOption {
  /** An external runtime v2 shim, in place of the user's daemon. */
  shim?: string | undefined;
}

export function shimOption(): Option {
  return globalShimOption().env('TERMSHIM_SHIM');
}

/** `termshim --shim PATH VERB` */
export function globalShimOption(): Option {
  return new Option('--shim <path>', 'use this runtime v2 shim instead of the daemon; containerd is not needed');
}

/** Passes a `--shim` before the verb to the verb. A verb without this option then fails. */
export function passShimOn(program: Command, verb: Command): void {
  const { shim } = program.opts<ShimOption>();
  if (shim === undefined || verb.getOptionValueSource('shim') === 'cli') return;
  if (!verb.options.some((it) => it.long === '--shim')) verb.error(`error: ${verb.name()} does not support --shim`);
  verb.setOptionValueWithSource('shim', shim, 'cli');
}
