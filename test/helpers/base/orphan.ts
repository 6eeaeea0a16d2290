/** Orphans: grandchildren of this process whose parent has exited. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/**
 * Runs a shell script as a grandchild whose parent ends at once, as `runc create` leaves an init behind. Answers with
 * its pid as soon as it is an orphan.
 */
export async function startOrphan(script: string): Promise<number> {
  const middle = spawn('sh', ['-c', 'sh -c "$0" >/dev/null 2>&1 </dev/null & echo $!', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [printed] = await Promise.all([text(middle.stdout), once(middle, 'exit')]);
  return Number(printed);
}
