/**
 * Prints the lines of a screen on a blank screen.
 *
 * A line that continues the line above is printed so that it does, since a terminal rewraps its lines when its width
 * changes: the character in the last column is followed by the first character of the next line, and nothing between
 * moves the cursor.
 */
import type { Size } from '../../os/console.js';
import type { Cell, Emulator, Line, ScreenBuffer } from '../emulator.js';
import { type Brush, erasedStyle, isErased, plain, type Style, styleOf } from './sgr.js';

/**
 * The terminal must have a blank screen, the plain style, no scroll region, and wrap lines. Only the screen and the
 * cursor are changed.
 */
export function paintLines(brush: Brush, emulator: Emulator, buffer: ScreenBuffer, { columns, rows }: Size): void {
  const cells = createReader(emulator, columns);
  const lineAt = (row: number): Line => buffer.lines.get(buffer.ybase + row) as Line;
  for (let row = 1; row < rows; row++) {
    if (lineAt(row).isWrapped && cells.flow(lineAt(row - 1), lineAt(row)) === undefined) wrapInto(brush, row, columns);
  }
  let flow: Flow | undefined;
  for (let row = 0; row < rows; row++) {
    const line = lineAt(row);
    const next = row + 1 < rows ? lineAt(row + 1) : undefined;
    const isContinued = flow !== undefined;
    flow = next?.isWrapped === true ? cells.flow(line, next) : undefined;
    paintLine(brush, cells, line, { row, columns: flow === 'early' ? columns - 1 : columns, isContinued });
  }
  brush.use(plain);
}

/** The content and the style of a cell. */
interface Look {
  /** A space for a cell that has only attributes. Empty for a cell that was erased. */
  readonly text: string;
  /** 0 for a combining character in its own cell, without a character to combine with. */
  readonly width: number;
  readonly style: Style;
}

/** How a line continues in the next: after its last column, or before it, since a wide character had no room there. */
type Flow = 'full' | 'early';

interface Reader {
  look(line: Line, column: number): Look;
  /** Undefined if `next` would not continue `line` when both are printed. */
  flow(line: Line, next: Line): Flow | undefined;
}

function createReader({ public: terminal, inside }: Emulator, columns: number): Reader {
  const cell = terminal.buffer.active.getNullCell() as unknown as Cell;
  let last: { fg: number; bg: number; extended: Cell['extended']; style: Style } | undefined;

  /** Remembers the last style: most cells have the style of the cell before. */
  const style = (): Style => {
    const { fg, bg, extended } = cell;
    if (last?.fg === fg && last.bg === bg && last.extended === extended) return last.style;
    last = { fg, bg, extended, style: styleOf(inside, cell) };
    return last.style;
  };
  const look = (line: Line, column: number): Look => {
    line.loadCell(column, cell);
    const text = cell.getChars();
    const width = cell.getWidth();
    if (text !== '' && column + width <= columns) return { text, width, style: style() };
    // If the screen got narrower, half a wide character can be left.
    const isBlank = text === '' && isErased(cell);
    return { text: isBlank ? '' : ' ', width: 1, style: isBlank ? erasedStyle(cell) : style() };
  };
  return {
    look,
    flow(line, next) {
      const first = look(next, 0);
      line.loadCell(columns - 1, cell);
      if (first.text === '' || first.width === 0) return undefined;
      if (cell.getChars() !== '' || cell.getWidth() === 0) return 'full';
      const left = look(line, columns - 1).style;
      line.loadCell(columns - 2, cell);
      const isPrinted = cell.getChars() !== '' || cell.getWidth() === 0;
      return first.width === 2 && isPrinted && isEqual(left, first.style) ? 'early' : undefined;
    },
  };
}

interface LineOptions {
  row: number;
  /** How many columns are painted. */
  columns: number;
  /** Whether the cursor is after the last character of the line above. */
  isContinued: boolean;
}

function paintLine(brush: Brush, cells: Reader, line: Line, { row, columns, isContinued }: LineOptions): void {
  /** The column of the cursor; -1 if it is uncertain, undefined if the cursor is in another row. */
  let at = isContinued ? 0 : undefined;
  const go = (column: number): void => {
    if (at !== column) brush.write(at === undefined ? `\x1b[${row + 1};${column + 1}H` : `\x1b[${column + 1}G`);
    at = column;
  };
  for (let column = 0; column < columns; ) {
    const { text, width, style } = cells.look(line, column);
    if (text === '') {
      const count = countBlank(cells, line, { from: column, columns, style });
      if (style.codes !== '') {
        go(column);
        brush.use(style);
        brush.write(`\x1b[${count}X`);
      }
      column += count;
      continue;
    }
    go(column);
    brush.use(style);
    // A character right after a sequence does not combine with the one before.
    if (width === 0) brush.write(`\x1b[${column + 1}G`);
    brush.write(text);
    column += Math.max(width, 1);
    // Terminals do not agree on the width of such a character.
    at = column < columns && isOfUncertainWidth(text) ? -1 : column;
  }
}

interface BlankOptions {
  from: number;
  columns: number;
  style: Style;
}

/** How many cells from `from` on are erased in the same style. */
function countBlank(cells: Reader, line: Line, { from, columns, style }: BlankOptions): number {
  let column = from + 1;
  for (; column < columns; column++) {
    const next = cells.look(line, column);
    if (next.text !== '' || next.style.codes !== style.codes) break;
  }
  return column - from;
}

/** Makes a line continue the line above, and leaves nothing in either. */
function wrapInto(brush: Brush, row: number, columns: number): void {
  const end = `\x1b[${row};${columns}H`;
  brush.write(`${end}  \x1b[${row + 1};1H\x1b[X${end}\x1b[X`);
}

function isEqual(one: Style, other: Style): boolean {
  return one.codes === other.codes && one.isProtected === other.isProtected && one.link === other.link;
}

/** Several code points in one cell, or one beyond the Basic Multilingual Plane, where the emoji are. */
function isOfUncertainWidth(text: string): boolean {
  return text.length > 1;
}
