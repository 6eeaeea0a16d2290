/** An emulated terminal that describes its whole state in lines that can be compared. */
import type { Unicode11Addon } from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import {
  type Attributes,
  type Cell,
  completeReset,
  type Emulator,
  loadEmulator,
  resizeEmulator,
  type ScreenBuffer,
} from '../../../src/screen/emulator.js';
import { createInput } from '../../../src/screen/input.js';
import { loadScreens } from '../../../src/screen/screen.js';
import type { Size } from '../../../src/os/console.js';

const { Terminal } = xterm;

export interface EmulatedTerminal {
  feed(bytes: Uint8Array): void;
  resize(size: Size): void;
  /**
   * Forgets what a snapshot does not keep: that the first line goes on from one that has scrolled away, a column beyond the
   * one where the next character wraps, what was designated to G0 to G3 before the cursor was restored, and where the
   * normal screen had its cursor while the alternate one is shown, if not where it was saved. And what the alternate screen
   * has at the right of what it shows, since it was larger. A last cell that was erased while the cursor waits behind it is
   * a space from then on, and a cursor outside the scroll region is put inside if it is to stay there (DECOM).
   */
  forget(): void;
  /** Both screens, the cursor, and every mode. */
  describe(): string[];
  close(): void;
}

export async function createEmulatedTerminal(size: Size): Promise<EmulatedTerminal> {
  open ??= await loadEmulator();
  return emulated(open(size));
}

/** xterm.js as it is, but for how it measures characters. */
export async function createUnbounded({ columns: cols, rows }: Size): Promise<EmulatedTerminal> {
  open ??= await loadEmulator();
  const model = open({ columns: cols, rows });
  model.public.dispose();
  const windowOptions = { pushTitle: true, popTitle: true };
  const terminal = new Terminal({ cols, rows, scrollback: 0, allowProposedApi: true, logLevel: 'off', windowOptions });
  // Of a package of CommonJS: what it exports is its default export.
  const loaded = (await import('@xterm/addon-unicode11')) as unknown as {
    default: { Unicode11Addon: typeof Unicode11Addon };
  };
  new loaded.default.Unicode11Addon().activate(terminal as never);
  completeReset(terminal);
  terminal.unicode.activeVersion = '11';
  const { _core: inside } = terminal as unknown as { _core: Emulator['inside'] };
  return emulated({ ...model, public: terminal, inside });
}

function emulated(emulator: Emulator): EmulatedTerminal {
  const input = createInput(emulator.inside);
  return {
    feed: (bytes) => input.parse(bytes),
    resize: (next) => resizeEmulator(emulator, next),
    forget: () => forget(emulator),
    describe: () => describe(emulator),
    close: () => emulator.public.dispose(),
  };
}

let open: ((size: Size) => Emulator) | undefined;

/** A screen that is kept in this thread. */
export interface OpenedScreen {
  readonly size: Size;
  feed(bytes: Uint8Array): void;
  resize(size: Size): void;
  snapshot(): Uint8Array;
  close(): void;
}

export async function openScreen(size: Size): Promise<OpenedScreen> {
  openKept ??= await loadScreens();
  const screen = openKept({ size });
  return {
    get size() {
      return screen.size;
    },
    feed: (bytes) => screen.order({ kind: 'bytes', bytes }),
    resize: (next) => screen.order({ kind: 'size', size: next }),
    snapshot: () => screen.snapshot(),
    close: () => screen.close(),
  };
}

let openKept: Awaited<ReturnType<typeof loadScreens>> | undefined;

function forget({ inside, public: terminal }: Emulator): void {
  const { cols, rows } = terminal;
  const { normal, alt, active } = inside.buffers as unknown as Record<'normal' | 'alt' | 'active', Changeable>;
  for (let row = 0; row < alt.lines.length; row++) alt.lines.get(row)?.resize(cols, alt.getNullCell());
  for (const buffer of [normal, alt]) {
    const first = buffer.lines.get(buffer.ybase);
    if (first !== undefined) first.isWrapped = false;
    buffer.savedX = Math.min(buffer.savedX, cols - 1);
    buffer.savedY = Math.min(Math.max(buffer.savedY - buffer.ybase, 0), rows - 1) + buffer.ybase;
  }
  active.x = Math.min(active.x, cols);
  const { scrollTop, scrollBottom } = active;
  if (inside.coreService.decPrivateModes.origin && (active.y < scrollTop || active.y > scrollBottom)) {
    active.y = Math.min(Math.max(active.y, scrollTop), scrollBottom);
    active.x = Math.min(active.x, cols - 1);
  }
  if (active === alt) normal.y = normal.savedY;
  const last = active.lines.get(active.ybase + active.y);
  if (active.x === cols && last?.hasContent(cols - 1) === 0 && last.getWidth(cols - 1) === 1) {
    const cell = last.loadCell(cols - 1, active.getNullCell());
    last.setCell(cols - 1, { ...cell, content: (1 << 22) | 0x20 });
  }
  const { _charsets, glevel, charset } = inside._charsetService;
  (_charsets as (object | undefined)[])[glevel] = charset;
}

interface Changeable {
  x: number;
  y: number;
  ybase: number;
  savedX: number;
  savedY: number;
  scrollTop: number;
  scrollBottom: number;
  lines: {
    readonly length: number;
    get(index: number): ChangeableLine | undefined;
  };
  getNullCell(): Cell;
}

interface ChangeableLine {
  isWrapped: boolean;
  resize(columns: number, fill: Cell): void;
  hasContent(column: number): number;
  getWidth(column: number): number;
  loadCell(column: number, into: Cell): Cell;
  setCell(column: number, cell: Attributes & { content: number }): void;
}

function describe(emulator: Emulator): string[] {
  const { inside, public: terminal } = emulator;
  const { active, normal } = inside.buffers;
  const { decPrivateModes, isCursorHidden } = inside.coreService;
  const { _windowTitle, _windowTitleStack, _iconName, _iconNameStack, _curAttrData } = inside._inputHandler;
  const { glevel, charset, _charsets } = inside._charsetService;
  const nameOf = (set: object | undefined): string => emulator.charsetNames.get(set ?? {}) ?? 'B';
  return [
    `${terminal.cols}x${terminal.rows}, ${active === normal ? 'normal' : 'alternate'} screen`,
    `cursor ${Math.min(active.x, terminal.cols)},${active.y} ${isCursorHidden ? 'hidden' : 'visible'}`,
    `pen ${describeAttributes(emulator, _curAttrData, true)}`,
    `modes ${JSON.stringify({ ...decPrivateModes, ...terminal.modes })}`,
    `options ${terminal.options.cursorBlink} ${terminal.options.convertEol}`,
    `mouse ${inside.coreMouseService.activeProtocol} ${inside.coreMouseService.activeEncoding}`,
    `charsets ${nameOf(charset)} of ${glevel} ${[0, 1, 2, 3].map((at) => nameOf(_charsets[at])).join('')}`,
    `titles ${JSON.stringify([_windowTitle, _windowTitleStack, _iconName, _iconNameStack])}`,
    `state ${inside._inputHandler._parser.currentState}`,
    ...describeBuffer(emulator, 'normal', normal, active !== normal),
    ...describeBuffer(emulator, 'alternate', inside.buffers.alt, active === normal),
  ];
}

function describeBuffer(emulator: Emulator, name: string, buffer: ScreenBuffer, isAway: boolean): string[] {
  const { public: terminal, charsetNames } = emulator;
  const { cols, rows } = terminal;
  const { savedX, savedY, ybase, savedCharset } = buffer;
  const lines = [
    `${name} saved ${Math.min(savedX, cols - 1)},${Math.min(Math.max(savedY - ybase, 0), rows - 1)} ${
      savedCharset === undefined ? 'B' : charsetNames.get(savedCharset)
    } ${describeAttributes(emulator, { ...buffer.savedCurAttrData, extended: none })}`,
  ];
  // The alternate screen is cleared when it is left.
  if (name === 'alternate' && isAway) return lines;
  const tabs = Array.from({ length: cols }, (_, column) => (buffer.tabs[column] ? 'T' : '.'));
  lines.push(`${name} region ${buffer.scrollTop}-${buffer.scrollBottom}`, `${name} tabs ${tabs.join('')}`);
  for (let row = 0; row < rows; row++) lines.push(`${name} ${row}: ${describeLine(emulator, buffer, row)}`);
  return lines;
}

/**
 * A space that was printed and a cell that was erased look the same if they have the same attributes, and so does half a
 * character that the emulator leaves where another was inserted before it.
 */
function describeLine(emulator: Emulator, buffer: ScreenBuffer, row: number): string {
  const line = buffer.lines.get(buffer.ybase + row);
  if (line === undefined) return 'missing';
  let text = row > 0 && line.isWrapped ? 'goes on ' : '';
  let before = '';
  let widthBefore = 1;
  for (let column = 0; column < emulator.public.cols; column++) {
    const cell = line.loadCell(column, emulator.public.buffer.active.getNullCell() as never);
    const attributes = describeAttributes(emulator, cell);
    if (attributes !== before) text += `{${attributes}}`;
    before = attributes;
    const isHalf = widthBefore === 2 && cell.getWidth() === 0;
    text += isHalf ? '~' : cell.getChars() || ' ';
    widthBefore = cell.getWidth();
  }
  return text.trimEnd();
}

const none = { _ext: 0, urlId: 0 };
const isExtended = 0x10_00_00_00;
const colourMode = 0x3_00_00_00;
const rgb = 0x3_ff_ff_ff;

/** @param isPen it keeps a colour for underlines that are not on */
function describeAttributes({ inside }: Emulator, { fg, bg, extended }: Attributes, isPen = false): string {
  const { _ext, urlId } = bg & isExtended || isPen ? extended : none;
  const flags = [fg & ~rgb, bg & ~rgb & ~isExtended].map((value) => (value >>> 0).toString(16)).join(' ');
  // An underline of no kind is what a restored cursor has: the emulator saves that it is on, and forgets the kind.
  const kind = fg & isExtended ? (_ext >> 26) & 7 || 1 : 0;
  const line = kind === 0 && !isPen ? '0' : colour(_ext);
  const link = inside._oscLinkService.getLinkData(urlId);
  return [flags, colour(fg), colour(bg), kind, line, link === undefined ? '' : `${link.id} ${link.uri}`]
    .join(' ')
    .replace('0 0 0 0 0 0 ', '');
}

/** What is above a palette's index is left over from another colour; all bits are what SGR 59 leaves for none. */
function colour(value: number): string {
  const mode = (value & rgb) === rgb ? 0 : value & colourMode;
  const isRgb = mode === colourMode;
  return mode === 0 ? '0' : (value & (isRgb ? rgb : colourMode | 0xff)).toString(16);
}
