/** crun (1.8) refuses a machine with both versions of control groups: it then runs where the second is not mounted. */
import { existsSync } from 'node:fs';

/** The command that runs `command`, which will start crun, in a place that crun accepts. It keeps its pid. */
export function whereCrunRuns(command: readonly string[]): string[] {
  if (!existsSync('/sys/fs/cgroup/unified')) return [...command];
  const script = 'umount /sys/fs/cgroup/unified; exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', ...command];
}
