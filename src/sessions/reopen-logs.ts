/** Reopens a container's logs after another program has moved them. */
import { TermshimError } from '../errors/errors.js';
import type { LogTarget } from '../stdio/log-target/output-target.js';
import type { TaskContainer } from '../task/container.js';
import type { TaskProcess } from '../task/process.js';

/**
 * Reopens the log files of all processes of a container. Returns their paths. Fails with ERR_LOG_NOT_FOUND if there is
 * no log, ERR_UNSUPPORTED if another program writes it, ERR_STATE_INVALID if it is closed already, and ERR_LOG_FAILED.
 */
export async function reopenLogs({ init, execs }: TaskContainer): Promise<string[]> {
  const processes = [init, ...Array.from(execs.values(), ({ process }) => process)];
  const reopened = await Promise.all(processes.map((process) => process.reopenLogs()));
  const paths = [...new Set(reopened.flat())];
  if (paths.length === 0) throw whyNone(init, processes.flatMap(logTargetsOf));
  return paths;
}

function logTargetsOf({ options: { stdio } }: TaskProcess): LogTarget[] {
  if (stdio.kind === 'inherited') return [];
  const targets = [stdio.log, stdio.stdout, stdio.kind === 'pipes' ? stdio.stderr : undefined];
  return targets.filter((target) => target !== undefined && target.kind !== 'fifo');
}

function whyNone({ options: { name, stdio }, exit }: TaskProcess, [record]: LogTarget[]): TermshimError {
  if (record === undefined) return new TermshimError('ERR_LOG_NOT_FOUND', `${name} has no log`);
  if (record.kind === 'driver') {
    const whom = `${record.program}, which has to be told itself: ours opens its file anew when it gets SIGHUP`;
    return new TermshimError('ERR_UNSUPPORTED', `the log of ${name} is written by ${whom}`);
  }
  const isItsOwn = record.kind === 'file' && stdio.kind === 'pipes';
  if (exit !== undefined || !isItsOwn) {
    return new TermshimError('ERR_STATE_INVALID', `the output of ${name} has ended, and its log is closed`);
  }
  const how = 'which has it open itself: copy the file and truncate it (copytruncate)';
  return new TermshimError('ERR_UNSUPPORTED', `${record.path} is written by ${name}, ${how}`);
}
