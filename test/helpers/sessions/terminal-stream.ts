/** Output that a program might write to a terminal, made up by fast-check. */
import * as fc from 'fast-check';

export interface StreamOptions {
  columns: number;
  rows: number;
  /**
   * `wide` has wide and combining characters and always wraps: the emulator drops a wide one that has no room, and has what
   * follows combine with another. `resize` has no wide ones, which are cut in two, nor tab stops beyond the screen.
   */
  kind: 'narrow' | 'wide' | 'resize';
}

export function terminalStream({ columns, rows, kind }: StreamOptions): fc.Arbitrary<string[]> {
  const number = fc.integer({ min: 0, max: Math.max(columns, rows) + 1 });
  const row = fc.integer({ min: 1, max: rows });
  const column = fc.integer({ min: 1, max: columns });
  const csi = (parameters: fc.Arbitrary<string>, final: string): fc.Arbitrary<string> =>
    parameters.map((text) => `\x1b[${text}${final}`);
  const withNumber = (...finals: string[]): fc.Arbitrary<string> =>
    fc.tuple(number, fc.constantFrom(...finals)).map(([n, final]) => `\x1b[${n === 0 ? '' : n}${final}`);
  const mode = (numbers: readonly string[]): fc.Arbitrary<string> =>
    fc
      .tuple(fc.uniqueArray(fc.constantFrom(...numbers), { minLength: 1, maxLength: 3 }), fc.constantFrom('h', 'l'))
      .map(([all, final]) => `\x1b[?${all.join(';')}${final}`);

  const narrow = fc.string({
    unit: fc.constantFrom(...Array.from('abcxyz01 -qlkjm~_`é│')),
    minLength: 1,
    maxLength: columns * 2,
  });
  const wide = fc.string({
    unit: fc.constantFrom('漢', 'あ', 'a', 'b', '😀', 'é', 'ẍ̀', '\u200b', '。', '“'),
    minLength: 1,
    maxLength: columns,
  });
  const pieces: fc.WeightedArbitrary<string>[] = [
    { weight: 10, arbitrary: narrow },
    { weight: kind === 'wide' ? 10 : 0, arbitrary: wide },
    { weight: 1, arbitrary: fc.constantFrom('\u0301', 'e\x08\u0301') },
    { weight: 8, arbitrary: csi(sgr, 'm') },
    {
      weight: 6,
      arbitrary: csi(
        fc.tuple(row, column).map(([y, x]) => `${y};${x}`),
        'H',
      ),
    },
    { weight: 6, arbitrary: fc.constantFrom('\r\n', '\r', '\n', '\b', '\t', '\x1bD', '\x1bE', '\x1bM', '\v') },
    { weight: 6, arbitrary: withNumber('A', 'B', 'C', 'D', 'E', 'F', 'G', 'I', 'Z', '`', 'a', 'b', 'd', 'e') },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('', '?'), fc.constantFrom('0', '1', '2'), fc.constantFrom('J', 'K'))
        .map(([p, n, f]) => `\x1b[${p}${n}${f}`),
    },
    { weight: 5, arbitrary: withNumber('@', 'P', 'X', 'L', 'M', 'S', 'T', ' @', ' A', "'}", "'~") },
    {
      weight: 3,
      arbitrary: csi(
        fc.tuple(row, row).map(([top, bottom]) => `${top};${bottom}`),
        'r',
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom('\x1b[?6h', '\x1b[?6l') },
    { weight: 2, arbitrary: fc.constantFrom('\x1b[4h', '\x1b[4l', '\x1b[20h', '\x1b[20l') },
    { weight: kind === 'resize' ? 0 : 2, arbitrary: fc.constantFrom('\x1bH', '\x1b[g', '\x1b[3g') },
    { weight: 3, arbitrary: fc.constantFrom('\x1b7', '\x1b8', '\x1b[s', '\x1b[u', '\x1b[?1048h', '\x1b[?1048l') },
    {
      weight: 3,
      arbitrary: fc.constantFrom('\x1b[?47h', '\x1b[?47l', '\x1b[?1047h', '\x1b[?1047l', '\x1b[?1049h', '\x1b[?1049l'),
    },
    {
      weight: 4,
      arbitrary: mode([
        ...(kind === 'wide' ? [] : ['7']),
        '1',
        '9',
        '12',
        '25',
        '45',
        '66',
        '1000',
        '1002',
        '1003',
        '1004',
        '1006',
        '1016',
        '2004',
        '2026',
      ]),
    },
    { weight: 2, arbitrary: fc.constantFrom('\x1b=', '\x1b>', ...[0, 1, 2, 3, 4, 5, 6].map((n) => `\x1b[${n} q`)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...Array.from('()*+')), fc.constantFrom(...Array.from('0AB4K')))
        .map((parts) => `\x1b${parts.join('')}`),
    },
    { weight: 3, arbitrary: fc.constantFrom('\x0e', '\x0f', '\x1bn', '\x1bo', '\x1b~', '\x1b}', '\x1b|') },
    { weight: 1, arbitrary: fc.constantFrom('\x1b[1"q', '\x1b[0"q') },
    { weight: 1, arbitrary: fc.constantFrom('\x1b[!p', '\x1bc', '\x1b#8') },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom('0', '1', '2'),
          fc.constantFrom('', 'one', 'zwei ü'),
          fc.constantFrom('\x07', '\x1b\\', '\u009c'),
        )
        .map(([n, title, end]) => `\x1b]${n};${title}${end}`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\x1b[22;0t', '\x1b[22;1t', '\x1b[22;2t', '\x1b[23;0t', '\x1b[23;1t', '\x1b[23;2t'),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '\x1bP$qm\x1b\\',
        '\x1b_secret\x1b\\',
        '\x1b[3\r1m',
        '\x1b[?1;<2h',
        '\u009b1m',
        '\u0090q~\u009c',
        '\x1b]52;c;aGk=\x07',
        '\x1b\x18',
        '\x1b[1\x1a',
      ),
    },
  ];
  return fc.array(fc.oneof(...pieces), { minLength: 1, maxLength: 60, size: 'max' });
}

/** Hyperlinks and kinds of underlines, which a saved cursor of the emulator does not know. Too little to scroll: it forgets those that it loses. */
export const linkStream: fc.Arbitrary<string[]> = fc.array(
  fc.oneof(
    fc.string({ unit: fc.constantFrom(...Array.from('abc ')), minLength: 1, maxLength: 8 }),
    fc.constantFrom('\x1b]8;;http://one/\x1b\\', '\x1b]8;id=a;http://two/?a;b\x07', '\x1b]8;;\x1b\\'),
    fc.constantFrom('\x1b[m', '\x1b[31m', '\x1b[24m', '\r\n', '\x1b[H', '\x1b[K'),
    fc
      .constantFrom('4', '4:0', '4:1', '4:2', '4:3', '4:4', '4:5', '21', '58:5:9', '58;5;9', '58:2::9:8:7', '59')
      .map((code) => `\x1b[${code}m`),
  ),
  { minLength: 1, maxLength: 20, size: 'max' },
);

const sgr = fc
  .array(
    fc.constantFrom(
      '',
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '7',
      '8',
      '9',
      '22',
      '23',
      '24',
      '25',
      '27',
      '28',
      '29',
      '53',
      '55',
      '31',
      '39',
      '42',
      '49',
      '95',
      '104',
      '38;5;3',
      '48;5;200',
      '38;2;1;2;3',
      '48;2;200;100;50',
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((codes) => codes.join(';'));
