/** Whether criu, which runtimes checkpoint and restore by, does so on this kernel. */
import { spawnSync } from 'node:child_process';
import { findProgram } from '../../../src/runtime/find-program.js';
import { writeProgram } from './fake-runtime.js';
import type { Stage } from '../e2e/stage.js';

/** Undefined, or why not. `criu check` says yes where a dump hangs for ever, so one is tried. */
export function criuFault(): string | undefined {
  if (findProgram('criu', process.env['PATH'] ?? '') === undefined) return 'there is no criu';
  const { status, stdout } = spawnSync('sh', ['-c', tryIt], { encoding: 'utf8' });
  return status === 0 ? undefined : `criu cannot dump a process: ${stdout.trim()}`;
}

const tryIt = `
images=$(mktemp -d)
setsid sleep 1000 </dev/null >/dev/null 2>&1 &
process=$!
timeout -s KILL 20 criu dump -t $process -D "$images" >"$images/words" 2>&1
status=$?
[ $status != 137 ] || echo it hangs
tail -n 1 "$images/words"
kill -KILL $process 2>/dev/null
rm -r "$images"
exit $status`;

/** Writes a runc that finds no criu, wherever there is one, and returns its path. */
export function writeRuncWithoutCriu(stage: Pick<Stage, 'path'>, name: string): string {
  const runc = findProgram('runc', process.env['PATH'] ?? '');
  return writeProgram(stage, name, `PATH=/nowhere exec ${runc} "$@"`);
}
