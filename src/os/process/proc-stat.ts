/** /proc/PID/stat; see proc_pid_stat(5). */
import { readFileSync } from 'node:fs';

/**
 * The fields behind the name of the program, which may itself have spaces and parentheses: the state is the first. Undefined
 * if there is no such process or thread.
 *
 * @param directory such as `/proc/self` or `/proc/1/task/1`
 */
export function readStatFields(directory: string): string[] | undefined {
  try {
    const line = readFileSync(`${directory}/stat`, 'latin1');
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    // ENOENT or ESRCH: it has ended.
    return undefined;
  }
}
