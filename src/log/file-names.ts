/** The names of the full files of a log, as Docker has them: `F.1` is the newest, `F.2.gz` is compressed. */

export interface NumberedName {
  name: string;
  number: number;
  suffix: '' | '.gz';
}

/** Those of `names` that are full files of the log `log`, the newest first. */
export function numberedNames(log: string, names: readonly string[]): NumberedName[] {
  const found = names.flatMap((name): NumberedName[] => {
    if (!name.startsWith(`${log}.`)) return [];
    const [, number, suffix = ''] = /^([1-9]\d{0,8})(\.gz)?$/.exec(name.slice(log.length + 1)) ?? [];
    return number === undefined ? [] : [{ name, number: Number(number), suffix: suffix as NumberedName['suffix'] }];
  });
  return found.toSorted((a, b) => a.number - b.number);
}
