/**
 * What of a terminal's recent output can be shown to a client that comes: its tail, cut neither inside an escape sequence
 * nor inside a character.
 */
import { BEL, backslash, ESC, ground, isInsideCharacter, scan, type ScanState } from './escape-scanner.js';

export interface TailOptions {
  maxBytes: number;
  /** Whether the output begins with its first byte; else it may begin anywhere, inside a sequence too. */
  isWhole: boolean;
}

/**
 * The end of `output`, at most `maxBytes`, from a place where a piece begins: the start of a line, if one is near. What
 * comes before helps to find it. Empty if nothing tells where a piece begins.
 */
export function safeTail(output: Uint8Array, { maxBytes, isWhole }: TailOptions): Uint8Array {
  if (isWhole && output.length <= maxBytes) return output;
  return output.subarray(findCut(output, isWhole ? 0 : synchronize(output), output.length - maxBytes));
}

/** @param start where a piece begins @param earliest the first place that will do */
function findCut(output: Uint8Array, start: number, earliest: number): number {
  const reach = Math.max(earliest, start) + lineReachBytes;
  let state: ScanState = ground;
  let cut = output.length;
  for (let at = start; at < output.length; at++) {
    const byte = output[at] as number;
    if (state === ground && at >= earliest && !isInsideCharacter(byte)) {
      if (at > 0 && isLineStart(output[at - 1] as number, byte)) return at;
      cut = Math.min(cut, at);
      if (at >= reach) return cut;
    }
    state = scan(state, byte);
  }
  return cut;
}

/** For how long a line is looked for. */
const lineReachBytes = 4096;

/**
 * The first place of which it is certain, wherever the output was cut, that a piece begins there.
 *
 * If the cut is inside a string, the first ESC is that of the ST which ends it, or a BEL ends it before. Otherwise every ESC
 * begins a piece, and so does what follows a line's end.
 */
function synchronize(output: Uint8Array): number {
  const firstEscape = output.indexOf(ESC);
  const escape = firstEscape < 0 ? output.length : firstEscape;
  if (output[escape + 1] === backslash) return escape + 2;
  const head = output.subarray(0, escape);
  const bell = head.indexOf(BEL);
  if (bell >= 0) return bell + 1;
  const line = head.findIndex((byte) => byte === CR || byte === LF);
  if (line < 0) return escape;
  return line + (head[line] === CR && head[line + 1] === LF ? 2 : 1);
}

function isLineStart(before: number, byte: number): boolean {
  return before === LF || (before === CR && byte !== LF);
}

const LF = 0x0a;
const CR = 0x0d;
