/**
 * The options of a file system as mount(2) takes them: one string, of one page at most.
 *
 * The lower directories of some forty layers fill a page. containerd gives them shorter names by changing the directory of
 * a thread; here each is held open and named by its descriptor, so a page has room for 200, nothing is created, and no
 * other thread sees anything.
 */
import { resolve } from 'node:path';
import { OwnedFd } from './owned-fd.js';

export interface MountData {
  /** Holds until it is disposed of. Still too long, if the lower directories are not why. */
  readonly text: string;
  [Symbol.dispose](): void;
}

/** @param mount what is mounted, for messages */
export function mountData(options: readonly string[], mount: string): MountData {
  const text = options.join(',');
  if (Buffer.byteLength(text) < pageBytes) return { text, [Symbol.dispose]() {} };
  const held: OwnedFd[] = [];
  const letGo = (): void => {
    for (const layer of held) layer.close();
  };
  const hold = (escapedPath: string): string => {
    const path = resolve(escapedPath.replaceAll(/\\(.)/gs, '$1'));
    const layer = OwnedFd.open(path, O_PATH, `the lower directory ${path} of ${mount}`);
    held.push(layer);
    return `/proc/self/fd/${layer.fd}`;
  };
  try {
    const named = options.map((option) => option.replace(lowerDirs, (list) => list.replaceAll(pathInList, hold)));
    return { text: named.join(','), [Symbol.dispose]: letGo };
  } catch (error) {
    letGo();
    throw error;
  }
}

/** The smallest there is, and the most that the addon takes. */
const pageBytes = 4096;

/** Names a file without opening it. node:fs does not have it. */
const O_PATH = 0o10000000;

const lowerDirs = /(?<=^lowerdir=).*/s;

/** Between colons; one with a backslash before it belongs to the path (fs/overlayfs/params.c). */
const pathInList = /(?:\\.|[^\\:])+/gs;
