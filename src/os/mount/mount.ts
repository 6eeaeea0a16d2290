/** A mount as containerd asks for it. */

export interface Mount {
  type: string;
  source: string;
  /** A path below the root, resolved as if the root were `/`. It must exist, if necessary in an earlier mount. */
  target?: string | undefined;
  /** As in fstab(5). */
  options: readonly string[];
}
