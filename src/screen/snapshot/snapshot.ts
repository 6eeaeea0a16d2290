/**
 * What makes another terminal of the same size show what the emulator shows, and behave as it does from there on.
 *
 * Both screens are painted, each with its tab stops, scroll region and saved cursor; then come the modes, and last the
 * cursor. Moves that have a side effect (DECSTBM and DECOM go home) stand before what they would disturb.
 */
import type { Size } from '../../os/console.js';
import type { Cell, Emulator, Line, ScreenBuffer } from '../emulator.js';
import { beginning, setModes } from './modes.js';
import { paintLines } from './paint.js';
import { type Brush, createBrush, penStyle, plain, type Style, styleOf } from './sgr.js';
import { setTitles } from './titles.js';

export function takeSnapshot(emulator: Emulator, size: Size, extras: string): string {
  const { inside, public: terminal } = emulator;
  const { active, normal, alt } = inside.buffers;
  const brush = createBrush();
  brush.write(beginning);
  if (active === normal && hasSavedCursor(alt)) {
    brush.write('\x1b[?47h');
    saveCursor(brush, emulator, alt, '\x1b7');
    brush.write('\x1b[?47l');
  }
  paintLines(brush, emulator, normal, size);
  setTabStops(brush, normal, size);
  if (active === alt) {
    setScrollRegion(brush, normal, size);
    // It saves the cursor of the normal screen, of which nothing else matters now.
    saveCursor(brush, emulator, normal, '\x1b[?1049h');
    brush.write('\x1b[H\x1b[2J');
    paintLines(brush, emulator, alt, size);
    setTabStops(brush, alt, size);
  }
  setScrollRegion(brush, active, size);
  if (hasSavedCursor(active)) saveCursor(brush, emulator, active, '\x1b7');
  brush.write(setTitles(inside) + extras);
  brush.write(setModes(inside, terminal.options.convertEol === true, terminal.options.cursorBlink === true));
  placeCursor(brush, emulator, size);
  return brush.text;
}

function hasSavedCursor({ savedX, savedY, savedCurAttrData: { fg, bg }, savedCharset }: ScreenBuffer): boolean {
  return savedX > 0 || savedY > 0 || fg !== 0 || bg !== 0 || savedCharset !== undefined;
}

/** Goes to where it was saved, in the style and the character set of then, and saves it; plain and ASCII again after. */
function saveCursor(brush: Brush, { inside, charsetNames }: Emulator, buffer: ScreenBuffer, save: string): void {
  const { savedX, savedY, ybase, savedCurAttrData, savedCharset } = buffer;
  const charset = savedCharset && charsetNames.get(savedCharset);
  brush.use({ ...styleOf(inside, savedCurAttrData), link: '' });
  if (charset !== undefined) brush.write(`\x1b(${charset}`);
  brush.write(`\x1b[${Math.max(savedY - ybase, 0) + 1};${savedX + 1}H${save}`);
  if (charset !== undefined) brush.write('\x1b(B');
  brush.use(plain);
}

function setTabStops(brush: Brush, { tabs }: ScreenBuffer, { columns }: Size): void {
  const all = Array.from({ length: columns }, (_, column) => column);
  if (all.every((column) => (tabs[column] ?? false) === (column % 8 === 0))) return;
  brush.write('\x1b[3g');
  for (const column of all) if (tabs[column]) brush.write(`\x1b[${column + 1}G\x1bH`);
}

function setScrollRegion(brush: Brush, { scrollTop, scrollBottom }: ScreenBuffer, { rows }: Size): void {
  if (scrollTop !== 0 || scrollBottom !== rows - 1) brush.write(`\x1b[${scrollTop + 1};${scrollBottom + 1}r`);
}

/**
 * Designates G0 to G3 and shifts to the one in use. A restored cursor of this emulator brings back the set in use and not
 * what was designated; in others it brings both, and so it is here.
 */
function setCharsets(brush: Brush, { inside, charsetNames }: Emulator): void {
  const { _charsets, glevel, charset } = inside._charsetService;
  for (const [index, intermediate] of ['(', ')', '*', '+'].entries()) {
    const set = index === glevel ? charset : _charsets[index];
    if (set !== undefined) brush.write(`\x1b${intermediate}${charsetNames.get(set)}`);
  }
  brush.write(['', '\x0e', '\x1bn', '\x1bo'][glevel] as string);
}

/**
 * Where the last character has just been printed it is printed anew, in its place, and nothing comes after it: so the next
 * character wraps, combines with it, or repeats it (REP), as if it had been the first time.
 */
function placeCursor(brush: Brush, emulator: Emulator, size: Size): void {
  const { inside } = emulator;
  const { active } = inside.buffers;
  const { origin } = inside.coreService.decPrivateModes;
  const { columns } = size;
  if (origin) brush.write('\x1b[?6h');
  const go = (column: number): void => {
    brush.write(`\x1b[${active.y - (origin ? active.scrollTop : 0) + 1};${column + 1}H`);
  };
  const pen = penStyle(inside);
  // On another screen than the one whose scroll region it is, the cursor can be outside.
  const isInside = !origin || (active.y >= active.scrollTop && active.y <= active.scrollBottom);
  const before = isInside ? lookBefore(emulator, Math.min(active.x, columns)) : undefined;
  const joinState = inside._inputHandler._parser.precedingJoinState;
  if (before !== undefined && before.text !== '' && joinState !== 0 && before.width === ((joinState >> 1) & 3)) {
    setCharsets(brush, emulator);
    go(before.column);
    brush.use(pen);
    // Inserted, it pushes the rest of the line back to where it was.
    if (inside.coreService.modes.insertMode) brush.write(`\x1b[${Math.max(before.width, 1)}P`);
    brush.write(before.text);
    return;
  }
  if (before !== undefined && active.x >= columns) {
    go(before.column);
    brush.use(before.style);
    brush.write(before.text || ' ');
  } else {
    go(active.x);
  }
  setCharsets(brush, emulator);
  // Written even if it is in use already: nothing combines with a character before it.
  brush.use(pen, true);
}

interface Before {
  readonly column: number;
  /** Empty if it was erased since, or never printed. */
  readonly text: string;
  readonly width: number;
  readonly style: Style;
}

/** The character before a column of the cursor's line. */
function lookBefore({ public: terminal, inside }: Emulator, end: number): Before | undefined {
  const { active } = inside.buffers;
  const line = active.lines.get(active.ybase + active.y) as Line;
  const cell = terminal.buffer.active.getNullCell() as unknown as Cell;
  const look = (column: number): Before => {
    line.loadCell(column, cell);
    return { column, text: cell.getChars(), width: cell.getWidth(), style: styleOf(inside, cell) };
  };
  if (end < 1) return undefined;
  const last = look(end - 1);
  return last.text === '' && last.width === 0 && end > 1 ? look(end - 2) : last;
}
