/** The differences between crun and other runtimes. */
import { existsSync, readdirSync } from 'node:fs';

/** The containers in the root directory of a runtime. Newer ones of crun keep something there that they mount over others. */
export function containersIn(root: string): string[] {
  return readdirSync(root).filter((name) => name !== '.empty-directory');
}

/**
 * The command that runs `command`, which will start crun, in a place that crun accepts: crun (1.8) refuses a machine with
 * both versions of control groups, so there the second is not mounted. It keeps its pid.
 */
export function crunCommand(command: readonly string[]): string[] {
  if (!existsSync('/sys/fs/cgroup/unified')) return [...command];
  const script = 'umount /sys/fs/cgroup/unified; exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', ...command];
}
