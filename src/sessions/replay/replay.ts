/**
 * Cuts the tail of a terminal's recent output for a new client, neither inside an escape sequence nor inside a
 * character.
 */
import { BEL, backslash, ESC, ground, isInsideCharacter, scan, type ScanState } from './escape-scanner.js';

export interface TailOptions {
  maxBytes: number;
  /** Whether `output` is all output from the first byte on; if not, it may begin inside a sequence. */
  isWhole: boolean;
}

/**
 * The end of `output`, at most `maxBytes`, from the start of a line if one is near, otherwise from the start of a
 * piece. The bytes before that help to find the start of a piece; if none is found, the result is empty.
 */
export function safeTail(output: Uint8Array, { maxBytes, isWhole }: TailOptions): Uint8Array {
  if (isWhole && output.length <= maxBytes) return output;
  return output.subarray(findCut(output, isWhole ? 0 : synchronize(output), output.length - maxBytes));
}

/** @param start where a piece begins @param earliest the first index where the output may be cut */
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

/** How many bytes are searched for the start of a line. */
const lineReachBytes = 4096;

/**
 * The first index at which a piece begins, wherever the output was cut.
 *
 * If the output was cut inside a string, the first ESC is that of the ST that ends the string, or a BEL ends it before.
 * Otherwise every ESC begins a piece, and so does the byte after a line's end.
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
