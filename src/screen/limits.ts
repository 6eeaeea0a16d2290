/**
 * Limits the work that a few bytes of output can cause in xterm.js; its own limits allow hours and gigabytes. The
 * limits apply to sequences that its parser has recognised, so they hold however a sequence is written and wherever it
 * was cut. Sequences within the limits are not changed. This file runs in a browser too.
 */

/** The parts of a terminal's internals that are limited here. */
export interface Limited {
  readonly _bufferService: { readonly cols: number; readonly rows: number };
  readonly _inputHandler: {
    readonly _coreService: { readonly modes: { readonly insertMode: boolean } };
    setHyperlink(data: string): unknown;
    readonly _parser: {
      readonly precedingJoinState: number;
      registerCsiHandler(id: { final: string }, handler: (params: Params) => boolean): unknown;
      registerEscHandler(id: { intermediates: string; final: string }, handler: () => boolean): unknown;
      readonly _oscParser: StringParser & { readonly _id: number; start(): void; end: EndString };
      readonly _dcsParser: StringParser & { hook(...how: unknown[]): void; unhook: EndString };
    };
  };
}

interface Params {
  /** 0 for a parameter that is missing. Each is at most 2^31 - 1. */
  readonly params: Int32Array;
}

interface StringParser {
  put(data: Uint32Array, start: number, end: number): void;
}

type EndString = (isWhole: boolean, ...more: unknown[]) => unknown;

/** In characters: enough for a title, an address or a colour. Pictures and the clipboard are not needed here. */
export const maxStringLength = 4096;
/** How many characters may combine with one. Each further one gets its own cell, or a cell could grow for ever. */
export const maxCombining = 32;

/** How many characters REP may write in all, if it repeats a character with combining ones. */
const mostCombinedRepeat = 64 * 1024;

/** How many cells REP may move in insert mode, where each character moves the rest of its line: some 50 ms. */
const mostMoved = 4_000_000;

/** Counts the characters that a terminal wrote to its cells without reading a byte for each. */
export interface Meter {
  characters: number;
}

/** Call it last, when all other handlers were registered. */
export function limitWork({ _bufferService: size, _inputHandler: handler }: Limited): Meter {
  const { _parser: parser } = handler;
  const meter: Meter = { characters: 0 };
  const clamp = (final: string, max: () => number): void => {
    parser.registerCsiHandler({ final }, ({ params }) => {
      params[0] = Math.min(params[0] ?? 0, max());
      return false;
    });
  };
  // IL, DL, SU, SD; CHT, CBT: a number larger than the screen has the effect of the screen's size.
  for (const final of 'LMST') clamp(final, () => size.rows);
  for (const final of 'IZ') clamp(final, () => size.cols);
  // REP.
  parser.registerCsiHandler({ final: 'b' }, ({ params }) => {
    const length = 1 + Math.min(parser.precedingJoinState >> joinCountShift, maxCombining);
    const most = length === 1 ? size.cols * size.rows : Math.max(size.cols, Math.ceil(mostCombinedRepeat / length));
    const mostInserted = Math.max(size.cols, Math.ceil(mostMoved / size.cols));
    const isInserted = handler._coreService.modes.insertMode;
    params[0] = Math.min(params[0] ?? 0, isInserted ? Math.min(most, mostInserted) : most);
    meter.characters += params[0] * length;
    return false;
  });
  // DECALN.
  parser.registerEscHandler({ intermediates: '#', final: '8' }, () => {
    meter.characters += size.cols * size.rows;
    return false;
  });
  limitOsc(parser._oscParser, () => handler.setHyperlink(';'));
  limitDcs(parser._dcsParser);
  return meter;
}

/** Ignores a string that is too long. If the string is a hyperlink, it still ends the hyperlink before it. */
function limitOsc(osc: Limited['_inputHandler']['_parser']['_oscParser'], endHyperlink: () => void): void {
  const start = osc.start.bind(osc);
  const put = osc.put.bind(osc);
  const end = osc.end.bind(osc);
  let length = 0;
  osc.start = () => {
    length = 0;
    start();
  };
  osc.put = (data, from, to) => {
    const room = maxStringLength - length;
    length += to - from;
    // Its first characters say what kind of string it is, also if it is too long.
    if (room > 0) put(data, from, Math.min(to, from + room));
  };
  osc.end = (isWhole, ...more) => {
    const isTooLong = length > maxStringLength;
    length = 0;
    if (isWhole && isTooLong && osc._id === hyperlink) endHyperlink();
    return end(isWhole && !isTooLong, ...more);
  };
}

function limitDcs(dcs: Limited['_inputHandler']['_parser']['_dcsParser']): void {
  const hook = dcs.hook.bind(dcs);
  const put = dcs.put.bind(dcs);
  const unhook = dcs.unhook.bind(dcs);
  let length = 0;
  dcs.hook = (...how) => {
    length = 0;
    hook(...how);
  };
  dcs.put = (data, from, to) => {
    const room = maxStringLength - length;
    length += to - from;
    if (room > 0) put(data, from, Math.min(to, from + room));
  };
  dcs.unhook = (isWhole, ...more) => unhook(isWhole && length <= maxStringLength, ...more);
}

const hyperlink = 8;

/** Knows how wide a character is, as `IUnicodeVersionProvider` of xterm.js. */
export interface Widths {
  wcwidth(code: number): 0 | 1 | 2;
}

/**
 * Takes the widths of another provider, and counts the characters that combine with one, in the bits that xterm.js
 * leaves to the provider. The bits below are the width and whether a character joins the one before; see
 * `UnicodeService` of xterm.js.
 */
export function limitCombining(widths: Widths): Widths & {
  readonly version: string;
  charProperties(code: number, preceding: number): number;
} {
  return {
    version: 'bounded',
    wcwidth: (code) => widths.wcwidth(code),
    charProperties(code, preceding) {
      if (code >= 0x20 && code < 0x7f) return 1 << 1;
      const width = widths.wcwidth(code);
      const widthBefore = (preceding >> 1) & 3;
      if (width > 0 || widthBefore === 0) return width << 1;
      const count = (preceding >> joinCountShift) + 1;
      return count > maxCombining ? 1 << 1 : (count << joinCountShift) | (widthBefore << 1) | 1;
    },
  };
}

const joinCountShift = 3;
