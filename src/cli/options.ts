/**
 * Parsers of option values that several commands share. What they refuse is a usage error.
 */
import { InvalidArgumentError } from 'commander';
import ms, { type StringValue } from 'ms';

/** `10s`, `500ms`, `2m`; a bare `0` means without end. Returns milliseconds. */
export function parseDuration(text: string): number {
  const parsed = /^[\d.]+\s*[a-z]+$/i.test(text) || text === '0' ? ms(text as StringValue) : undefined;
  if (parsed === undefined || !Number.isFinite(parsed)) {
    throw new InvalidArgumentError('A duration looks like 10s, 500ms or 2m.');
  }
  if (parsed > longestTimerMs) throw new InvalidArgumentError('No duration can be longer than 24 days.');
  return parsed;
}

export function parsePid(text: string): number {
  const pid = Number(text);
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid > greatestPid)
    throw new InvalidArgumentError('A pid is a positive number.');
  return pid;
}

/** A longer one is taken for 1 ms by setTimeout. */
const longestTimerMs = 2 ** 31 - 1;

/** A pid_t is 32 bits; the kernel itself stops at 2^22 (proc_sys_kernel(5)). */
const greatestPid = 2 ** 31 - 1;
