/**
 * The bytes that make another terminal of the same size show what the emulator shows, and then behave as the emulator
 * does.
 *
 * The normal screen is painted, and the alternate screen if it is in use, each with its tab stops, scroll region and
 * saved cursor; then come the modes, and last the cursor. DECSTBM and DECOM also move the cursor, so they come before
 * it.
 *
 * @xterm/addon-serialize (0.14.0) is no replacement. It does not keep: a hidden cursor, and the style of the cursor; tab
 * stops; the scroll region, and so what origin mode means; the saved cursor; character sets; titles; the encoding of
 * mouse reports; hyperlinks; styles and colours of underlines; synchronized output. What the emulator itself does not keep
 * is in extras.ts.
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
    // 1049 saves the cursor of the normal screen. While the alternate screen is in use, only the saved cursor matters.
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

/** Saves the cursor at its saved position, style and character set; then returns to the plain style and ASCII. */
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
 * Designates G0 to G3 and shifts to the one in use. When this emulator restores a cursor, it brings back the set in use
 * but does not designate it. Other terminals do both, so this designates the set in use.
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
 * If the last output was a character, prints it again in its place, as the last thing. So the next output wraps,
 * combines with the character, or repeats it (REP), as it would in the emulator.
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
  // After a switch to the other screen, the cursor can be outside of the scroll region.
  const isInside = !origin || (active.y >= active.scrollTop && active.y <= active.scrollBottom);
  const before = isInside ? lookBefore(emulator, Math.min(active.x, columns)) : undefined;
  const joinState = inside._inputHandler._parser.precedingJoinState;
  if (before !== undefined && before.text !== '' && joinState !== 0 && before.width === ((joinState >> 1) & 3)) {
    setCharsets(brush, emulator);
    go(before.column);
    brush.use(pen);
    // In insert mode the character moves the rest of the line, so as many cells are deleted first.
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
  // Writes the style even if it is in use: after a sequence, nothing combines with the character before.
  brush.use(pen, true);
}

interface Before {
  readonly column: number;
  /** Empty if the character was erased, or never printed. */
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
