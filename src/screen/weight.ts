/** How much memory a screen takes beyond its cells, which are 12 bytes each. */
import type { Emulator, ScreenBuffer } from './emulator.js';

/** An estimate in bytes, rather too high. Its time grows with the number of cells that have more than a character. */
export function weigh({ inside }: Emulator): number {
  const links = new Set<number>();
  let bytes = 0;
  const weighCells = ({ lines }: ScreenBuffer): void => {
    for (let row = 0; row < lines.length; row++) {
      const line = lines.get(row);
      if (line === undefined) continue;
      for (const text of Object.values(line._combined)) {
        // A string that grew character by character takes many times its length until a character is read: V8 flattens
        // it.
        text.charCodeAt(0);
        bytes += cellBytes + 2 * text.length;
      }
      for (const cell of Object.values(line._extendedAttrs)) {
        bytes += cellBytes;
        if (cell !== undefined && cell.urlId !== 0) links.add(cell.urlId);
      }
    }
  };
  weighCells(inside.buffers.normal);
  weighCells(inside.buffers.alt);
  for (const link of links) {
    const { id = '', uri = '' } = inside._oscLinkService.getLinkData(link) ?? {};
    bytes += cellBytes + 2 * (id.length + uri.length);
  }
  return bytes;
}

/** The cost of an entry in a table with its object or string. */
const cellBytes = 120;
