/**
 * Replaces xterm.js's list of a terminal's hyperlinks. That list keeps every link, with a marker for each line of the
 * link, as long as the line exists. This list forgets the links that no cell has.
 */

export interface Link {
  readonly id?: string | undefined;
  readonly uri: string;
}

/** `IOscLinkService` of xterm.js. */
export interface Links {
  /** Returns the number of the link, which its cells hold. */
  registerLink(link: Link): number;
  addLineToLink(): void;
  getLinkData(number: number): Link | undefined;
}

/** The parts of a terminal's internals that concern links. */
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
  /** By column: the extended attributes of cells. They may be left over from an earlier character of the cell. */
  readonly _extendedAttrs: Readonly<Record<number, { readonly urlId: number } | undefined>>;
}

interface Pen {
  readonly extended: { readonly urlId: number };
}

/** How many characters of links are kept before unused links are looked for. */
const leastSweep = 256 * 1024;
/** The cost of a link besides its characters, in characters. */
const overhead = 64;

export function replaceLinks(terminal: Linked): void {
  const links = createLinks(terminal);
  terminal._oscLinkService = links;
  terminal._inputHandler._oscLinkService = links;
}

function createLinks({ buffers, _inputHandler: handler }: Linked): Links {
  const known = new Map<number, Link>();
  /** The numbers of links with an id. Cells with the same id and URI have the same link. */
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
