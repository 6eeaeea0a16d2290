/**
 * The number of bytes that `10m`, `512k` or `1.5GB` means, as Docker reads the size of a log (FromHumanSize in
 * go-units): in steps of 1000, even for `KiB`. Undefined for any other text. npm's parsers count `m` in steps of 1024,
 * or not at all.
 */
export function sizeBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.floor(Number(number) * 1000 ** ['', 'k', 'm', 'g', 't', 'p'].indexOf(unit.toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
