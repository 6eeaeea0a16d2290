/** Medians and quartiles: the machine is noisy, and a mean would follow its worst moment. */

export interface Summary {
  median: number;
  low: number;
  high: number;
}

/** The median and the quartiles of at least one sample. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * The median of the ratios round by round: both of a round were measured one after the other, so that what disturbs the
 * machine for longer disturbs both. Undefined where the base is 0.
 */
export function ratio(samples: readonly number[], base: readonly number[]): number | undefined {
  const ratios = samples.map((sample, round) => sample / (base[round] ?? Number.NaN)).filter(Number.isFinite);
  return ratios.length === 0 ? undefined : summarize(ratios).median;
}

function quantile(sorted: readonly number[], fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}
