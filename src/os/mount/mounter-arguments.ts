/** Turns a mount into arguments of the mounter (native/mounter/main.c). */
import type { Mount } from './mount.js';
import { MS_REMOUNT, type MountOptions, isForSomebodyElse, parseMountOptions } from './options.js';

/** @param refuse called with the reason if the mount is not supported */
export function wordsOf(mount: Mount, refuse: (reason: string) => never): string[] {
  const { type, source, target = '', options } = mount;
  const unsupported = options.find(isForSomebodyElse);
  if (unsupported !== undefined) refuse(`the option ${unsupported} is not supported`);
  if (type === 'loop' || type.includes('/')) refuse(`the type ${type} is supported only by containerd's mount manager`);
  const isProgram = /^fuse3?\./.test(type);
  if (isProgram && options.length > mostProgramOptions) refuse(`it has more than ${mostProgramOptions} options`);
  // A FUSE program gets all options, and the kernel none.
  const parsed = isProgram ? { ...parseMountOptions([]), data: [...options] } : parseMountOptions(options);
  if (parsed.propagations.length > mostPropagations) refuse(`it has more than ${mostPropagations} propagation options`);
  const { isDirect, data } = directOf(parsed);
  const loop = parsed.loop ? (isDirect ? 2 : 1) : 0;
  const maps = mapsOf(parsed, refuse);
  const { flags, cleared, propagations } = parsed;
  const numbers = [flags, cleared].map(String);
  return [type, source, target, ...numbers, propagations.join(' '), `${loop}`, ...maps, `${data.length}`, ...data];
}

/** The mounter has room for this many. */
const mostProgramOptions = 500;
const mostPropagations = 64;

/** Without a loop device, `direct-io` is an option of the filesystem like any other. */
function directOf({ loop, data }: MountOptions): { isDirect: boolean; data: string[] } {
  return { isDirect: loop && data.includes('direct-io'), data: loop ? data.filter((it) => it !== 'direct-io') : data };
}

function mapsOf({ uidMap, gidMap, flags }: MountOptions, refuse: (reason: string) => never): [string, string] {
  if (uidMap === undefined && gidMap === undefined) return ['', ''];
  if (uidMap === undefined || gidMap === undefined) return refuse('uidmap and gidmap are only supported together');
  if ((flags & MS_REMOUNT) !== 0) return refuse('a remount with uidmap and gidmap is not supported');
  return [mapOf('uidmap', uidMap, refuse), mapOf('gidmap', gidMap, refuse)];
}

/** The ranges in the format of /proc/PID/uid_map; see user_namespaces(7). */
function mapOf(name: string, text: string, refuse: (reason: string) => never): string {
  const ranges = text.split(',').map((range) => /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(range)?.slice(1));
  if (ranges.every((range) => range !== undefined)) return ranges.map((range) => `${range.join(' ')}\n`).join('');
  return refuse(`${name}=${text} is not a list of INSIDE:OUTSIDE:COUNT, with commas between them`);
}
