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
    const who = `the log driver ${record.program} writes the log of ${name}`;
    return new TermshimError('ERR_UNSUPPORTED', `${who}: send SIGHUP to termshim-log-driver to reopen its file`);
  }
  const isItsOwn = record.kind === 'file' && stdio.kind === 'pipes';
  if (exit !== undefined || !isItsOwn) {
    return new TermshimError('ERR_STATE_INVALID', `the output of ${name} has ended, and its log is closed`);
  }
  const how = 'the daemon cannot reopen it: copy and truncate the file instead (copytruncate)';
  return new TermshimError('ERR_UNSUPPORTED', `${name} itself writes ${record.path}, so ${how}`);
}
