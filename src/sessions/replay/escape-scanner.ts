/**
 * Splits a terminal's output into pieces: characters and escape sequences. Knows only the 7-bit forms of sequences, the
 * only ones that programs send to a UTF-8 terminal. See ECMA-48, and "Control Sequences" of xterm.
 */

/** Between pieces, and inside a character of several bytes: see `isInsideCharacter`. */
export const ground = 0;
const afterEscape = 1;
const intermediate = 2;
const csi = 3;
const osc = 4;
/** DCS, APC, PM, SOS, and the title of screen and tmux: they end with ST, which is `ESC \`. */
const text = 5;

export type ScanState =
  | typeof ground
  | typeof afterEscape
  | typeof intermediate
  | typeof csi
  | typeof osc
  | typeof text;

export const BEL = 0x07;
export const ESC = 0x1b;
export const backslash = 0x5c;
const CAN = 0x18;
const SUB = 0x1a;

/** The state after one more byte. */
export function scan(state: ScanState, byte: number): ScanState {
  if (byte === ESC) return afterEscape;
  if (state === ground || byte === CAN || byte === SUB) return ground;
  switch (state) {
    case afterEscape:
      // A terminal executes a control character inside a sequence, and the sequence goes on.
      if (byte < 0x20) return afterEscape;
      return byte <= 0x2f ? intermediate : (introducers[byte] ?? ground);
    case intermediate:
      return byte >= 0x30 ? ground : intermediate;
    case csi:
      return byte >= 0x40 ? ground : csi;
    case osc:
      return byte === BEL ? ground : osc;
    case text:
      return text;
  }
}

/** Whether a byte continues a character of UTF-8 that began before it. */
export function isInsideCharacter(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** The states that `[`, `]`, `P`, `X`, `^`, `_` and `k` begin after ESC. */
const introducers: Readonly<Record<number, ScanState>> = {
  0x5b: csi,
  0x5d: osc,
  0x50: text,
  0x58: text,
  0x5e: text,
  0x5f: text,
  0x6b: text,
};
