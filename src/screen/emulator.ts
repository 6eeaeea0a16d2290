/**
 * The emulator behind a screen: @xterm/headless, loaded for the first screen.
 *
 * Its public interface lacks saved cursors, scroll regions, tab stops, character sets and some attributes. It also
 * parses in its own timers, where no caller can catch an exception. So this module uses the internals that are
 * described here. The version is pinned, and test/screen compares the results.
 */
import type { IUnicodeVersionProvider, Terminal } from '@xterm/headless';
import type { Size } from '../os/console.js';
import { limitCombining, type Limited, limitWork, type Meter } from './limits.js';
import { type Linked, replaceLinks } from './links.js';

export interface Emulator {
  readonly public: Terminal;
  readonly inside: Inside;
  readonly meter: Meter;
  /** The final byte of the sequence that designates each character set; undefined for ASCII. */
  readonly charsetNames: ReadonlyMap<object, string>;
}

export interface Inside {
  readonly buffers: { readonly active: ScreenBuffer; readonly normal: ScreenBuffer; readonly alt: ScreenBuffer };
  readonly coreService: {
    isCursorHidden: boolean;
    readonly modes: { readonly insertMode: boolean };
    readonly decPrivateModes: PrivateModes;
  };
  readonly coreMouseService: { readonly activeProtocol: string; readonly activeEncoding: string };
  readonly _charsetService: {
    readonly glevel: number;
    readonly charset: object | undefined;
    readonly _charsets: readonly (object | undefined)[];
  };
  readonly _oscLinkService: { getLinkData(id: number): { readonly id?: string; readonly uri: string } | undefined };
  readonly _inputHandler: {
    parse(bytes: Uint8Array): void;
    readonly _curAttrData: Attributes;
    readonly _parser: { readonly currentState: number; readonly precedingJoinState: number };
    readonly _windowTitle: string;
    readonly _windowTitleStack: readonly string[];
    readonly _iconName: string;
    readonly _iconNameStack: readonly string[];
  };
}

export interface PrivateModes {
  readonly applicationCursorKeys: boolean;
  readonly applicationKeypad: boolean;
  readonly bracketedPasteMode: boolean;
  readonly cursorBlink: boolean | undefined;
  readonly cursorStyle: 'block' | 'underline' | 'bar' | undefined;
  readonly origin: boolean;
  readonly reverseWraparound: boolean;
  readonly sendFocus: boolean;
  readonly synchronizedOutput: boolean;
  readonly wraparound: boolean;
}

export interface ScreenBuffer {
  /** The cursor. `x` is the number of columns when the next character wraps. */
  readonly x: number;
  readonly y: number;
  /** The first line of the screen among `lines`. */
  readonly ybase: number;
  readonly lines: { get(index: number): Line | undefined; readonly length: number; maxLength: number };
  readonly scrollTop: number;
  readonly scrollBottom: number;
  readonly tabs: Readonly<Record<number, boolean | undefined>>;
  readonly savedX: number;
  readonly savedY: number;
  readonly savedCurAttrData: Attributes;
  readonly savedCharset: object | undefined;
}

export interface Line {
  readonly isWrapped: boolean;
  loadCell(column: number, into: Cell): Cell;
  /** By column: the text of cells with more than one code point. */
  readonly _combined: Readonly<Record<number, string>>;
  /** By column: the extended attributes of cells. */
  readonly _extendedAttrs: Readonly<Record<number, Attributes['extended'] | undefined>>;
}

export interface Attributes {
  readonly fg: number;
  readonly bg: number;
  /** Valid for a cell only if a flag in `bg` is set. */
  readonly extended: { readonly _ext: number; readonly urlId: number };
}

export interface Cell extends Attributes {
  /** 0 for the second half of a wide character. */
  getWidth(): number;
  /** The character with those that combine with it. Empty if nothing was printed there. */
  getChars(): string;
}

/** Loads the emulator, and returns a function that opens one. */
export async function loadEmulator(): Promise<(size: Size) => Emulator> {
  const [xterm, unicode11] = await Promise.all([
    import('@xterm/headless').then(exportsOf),
    import('@xterm/addon-unicode11').then(exportsOf),
  ]);
  let widths: IUnicodeVersionProvider | undefined;
  const registry = { unicode: { register: (provider: IUnicodeVersionProvider) => (widths = provider) } };
  new unicode11.Unicode11Addon().activate(registry as never);
  const unicode = limitCombining(widths as unknown as IUnicodeVersionProvider);

  const open = ({ columns, rows }: Size): Omit<Emulator, 'charsetNames'> => {
    const terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 0,
      allowProposedApi: true,
      disableStdin: true,
      logLevel: 'off',
      windowOptions: { pushTitle: true, popTitle: true },
    });
    terminal.unicode.register(unicode);
    terminal.unicode.activeVersion = unicode.version;
    completeReset(terminal);
    const inside = insideOf(terminal);
    replaceLinks(inside as unknown as Linked);
    return { public: terminal, inside, meter: limitWork(inside as unknown as Limited) };
  };
  const charsetNames = nameCharsets(open({ columns: 2, rows: 1 }).public);
  return (size) => ({ ...open(size), charsetNames });
}

/** The exports of a CommonJS package: Node has them in `default`, a bundle has them in the module itself. */
function exportsOf<T extends object>(loaded: T & { default?: T }): T {
  return loaded.default ?? loaded;
}

/**
 * Resizes the emulator, and avoids two of its bugs. It rewraps the lines of the normal screen, and mixes them up if it
 * may keep no lines above the screen: so it may for the moment. While the alternate screen is not in use, it does not
 * set that screen's number of lines.
 */
export function resizeEmulator({ public: terminal, inside }: Emulator, { columns, rows }: Size): void {
  terminal.options.scrollback = maxLinesAbove;
  terminal.resize(columns, rows);
  terminal.options.scrollback = 0;
  const { alt } = inside.buffers;
  if (alt.lines.length === 0) alt.lines.maxLength = rows;
}

const maxLinesAbove = 10_000;

function insideOf(terminal: Terminal): Inside {
  return (terminal as unknown as { _core: Inside })._core;
}

/** Resets the modes that the emulator's full reset (RIS) leaves as they are. */
export function completeReset(terminal: Terminal): void {
  terminal.parser.registerEscHandler({ final: 'c' }, () => {
    insideOf(terminal).coreService.isCursorHidden = false;
    terminal.options.cursorBlink = false;
    terminal.options.convertEol = false;
    return false;
  });
}

/** The character sets that the emulator knows, found by designating each. */
function nameCharsets(scratch: Terminal): ReadonlyMap<object, string> {
  const names = new Map<object, string>();
  const inside = insideOf(scratch);
  for (const name of '0A4CRQKYE6ZH7=') {
    inside._inputHandler.parse(Buffer.from(`\x1b(${name}`));
    const charset = inside._charsetService._charsets[0];
    if (charset !== undefined && !names.has(charset)) names.set(charset, name);
  }
  scratch.dispose();
  return names;
}
