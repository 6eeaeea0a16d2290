/** A mount as containerd asks for it. */

export interface Mount {
  type: string;
  source: string;
  /** A place below the root, as seen from there. It must exist, perhaps in an earlier mount. */
  target?: string | undefined;
  /** As in fstab(5). */
  options: readonly string[];
}
