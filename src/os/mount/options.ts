/**
 * Parses the options of a mount, written as in fstab(5), for mount(2). The names are those that containerd knows
 * (parseMountOptions in core/mount/mount_linux.go).
 */

/** From sys/mount.h. */
export const MS_RDONLY = 1;
export const MS_NOSUID = 1 << 1;
export const MS_NODEV = 1 << 2;
export const MS_NOEXEC = 1 << 3;
export const MS_SYNCHRONOUS = 1 << 4;
export const MS_REMOUNT = 1 << 5;
export const MS_MANDLOCK = 1 << 6;
export const MS_DIRSYNC = 1 << 7;
export const MS_NOATIME = 1 << 10;
export const MS_NODIRATIME = 1 << 11;
export const MS_BIND = 1 << 12;
export const MS_REC = 1 << 14;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MS_RELATIME = 1 << 21;
export const MS_STRICTATIME = 1 << 24;

export interface MountOptions {
  /** MS_ flags, without those of propagation. */
  flags: number;
  /** Flags that an option clears: MS_RDONLY for `rw`. */
  cleared: number;
  /** Each needs its own mount(2), because the kernel accepts no other flag but MS_REC with it. */
  propagations: number[];
  /** Whether the source is a file to attach to a loop device. */
  loop: boolean;
  /** For an id-mapped mount, such as `0:1000:1,1:100000:65535`. */
  uidMap: string | undefined;
  gidMap: string | undefined;
  /** All other options, which are the filesystem's. */
  data: string[];
}

/** A later option overrides an earlier one. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const parsed: MountOptions = {
    flags: 0,
    cleared: 0,
    propagations: [],
    loop: false,
    uidMap: undefined,
    gidMap: undefined,
    data: [],
  };
  for (const option of options) {
    const [set, cleared, propagation] = [setBy.get(option), clearedBy.get(option), propagationOf.get(option)];
    if (set !== undefined) {
      parsed.flags |= set;
      parsed.cleared &= ~set;
    } else if (cleared !== undefined) {
      parsed.flags &= ~cleared;
      parsed.cleared |= cleared;
    } else if (propagation !== undefined) {
      parsed.propagations.push(propagation);
    } else if (option === 'loop') {
      parsed.loop = true;
    } else if (option.startsWith('uidmap=')) {
      parsed.uidMap = option.slice(7);
    } else if (option.startsWith('gidmap=')) {
      parsed.gidMap = option.slice(7);
    } else {
      parsed.data.push(option);
    }
  }
  return parsed;
}

/**
 * Whether an option is for another program than the kernel and the filesystem: for mount(8), or for containerd's mount
 * manager, which should have removed it.
 */
export function isForSomebodyElse(option: string): boolean {
  return /^(x-|loop=|offset=|sizelimit=)/i.test(option);
}

const setBy: ReadonlyMap<string, number> = new Map([
  ['bind', MS_BIND],
  ['defaults', 0],
  ['dirsync', MS_DIRSYNC],
  ['mand', MS_MANDLOCK],
  ['noatime', MS_NOATIME],
  ['nodev', MS_NODEV],
  ['nodiratime', MS_NODIRATIME],
  ['noexec', MS_NOEXEC],
  ['nosuid', MS_NOSUID],
  ['rbind', MS_BIND | MS_REC],
  ['relatime', MS_RELATIME],
  ['remount', MS_REMOUNT],
  ['ro', MS_RDONLY],
  ['strictatime', MS_STRICTATIME],
  ['sync', MS_SYNCHRONOUS],
]);

const clearedBy: ReadonlyMap<string, number> = new Map([
  ['async', MS_SYNCHRONOUS],
  ['atime', MS_NOATIME],
  ['dev', MS_NODEV],
  ['diratime', MS_NODIRATIME],
  ['exec', MS_NOEXEC],
  ['nomand', MS_MANDLOCK],
  ['norelatime', MS_RELATIME],
  ['nostrictatime', MS_STRICTATIME],
  ['rw', MS_RDONLY],
  ['suid', MS_NOSUID],
]);

const propagationOf: ReadonlyMap<string, number> = new Map([
  ['private', MS_PRIVATE],
  ['rprivate', MS_PRIVATE | MS_REC],
  ['rshared', MS_SHARED | MS_REC],
  ['rslave', MS_SLAVE | MS_REC],
  ['runbindable', MS_UNBINDABLE | MS_REC],
  ['shared', MS_SHARED],
  ['slave', MS_SLAVE],
  ['unbindable', MS_UNBINDABLE],
]);
