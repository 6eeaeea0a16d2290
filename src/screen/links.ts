/**
 * The hyperlinks of a terminal, in place of xterm.js's own list, which keeps each that ever was, and a mark for each line
 * that it stands in, for as long as the line is there. This one forgets those that no cell has any more.
 */

export interface Link {
  readonly id?: string | undefined;
  readonly uri: string;
}

/** `IOscLinkService` of xterm.js. */
export interface Links {
  /** Returns the number that stands in the cells. */
  registerLink(link: Link): number;
  addLineToLink(): void;
  getLinkData(number: number): Link | undefined;
}

/** The inside of a terminal, as far as it has links. */
export interface Linked {
  readonly buffers: { readonly normal: LinkedBuffer; readonly alt: LinkedBuffer };
  _oscLinkService: Links;
  readonly _inputHandler: { _oscLinkService: Links; readonly _curAttrData: Pen };
}

interface LinkedBuffer {
  readonly lines: { readonly length: number; get(index: number): LinkedLine | undefined };
  readonly savedCurAttrData: Pen;
}

interface LinkedLine {
  /** By column: what a cell has that has more than colours. It may be left over from what the cell had before. */
  readonly _extendedAttrs: Readonly<Record<number, { readonly urlId: number } | undefined>>;
}

interface Pen {
  readonly extended: { readonly urlId: number };
}

/** So many characters are kept before links of no use are looked for. */
const leastSweep = 256 * 1024;
/** Of a link beside its characters. */
const overhead = 64;

export function replaceLinks(terminal: Linked): void {
  const links = createLinks(terminal);
  terminal._oscLinkService = links;
  terminal._inputHandler._oscLinkService = links;
}

function createLinks({ buffers, _inputHandler: handler }: Linked): Links {
  const known = new Map<number, Link>();
  /** Those that have an id are the same link wherever they stand. */
  const numbers = new Map<string, number>();
  let last = 0;
  let length = 0;
  let sweepAt = leastSweep;

  const sweep = (): void => {
    const used = new Set(
      [handler._curAttrData, buffers.normal.savedCurAttrData, buffers.alt.savedCurAttrData].map(ofPen),
    );
    for (const { lines } of [buffers.normal, buffers.alt]) {
      for (let row = 0; row < lines.length; row++) {
        for (const cell of Object.values(lines.get(row)?._extendedAttrs ?? {})) if (cell) used.add(cell.urlId);
      }
    }
    for (const [number, link] of known) {
      if (used.has(number)) continue;
      known.delete(number);
      numbers.delete(keyOf(link));
      length -= lengthOf(link);
    }
    sweepAt = Math.max(leastSweep, length * 2);
  };
  return {
    registerLink(link) {
      const same = link.id === undefined ? undefined : numbers.get(keyOf(link));
      if (same !== undefined) return same;
      if (length >= sweepAt) sweep();
      length += lengthOf(link);
      known.set(++last, link);
      if (link.id !== undefined) numbers.set(keyOf(link), last);
      return last;
    },
    addLineToLink() {},
    getLinkData: (number) => known.get(number),
  };
}

function ofPen({ extended }: Pen): number {
  return extended.urlId;
}

function lengthOf({ id = '', uri }: Link): number {
  return overhead + 2 * id.length + uri.length;
}

function keyOf({ id, uri }: Link): string {
  return `${id};;${uri}`;
}
