/**
 * One run of a log driver, a program that reads and stores output: it has stdout as its descriptor 3 and stderr as 4,
 * and reports on 5 that it is ready. The contract is that of `binary://` in containerd (runtime/v2/logging).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { addon } from '../../native/addon.js';
import { EPOLLIN, watch } from '../../os/epoll.js';
import { TermshimError } from '../../errors/errors.js';
import { fileError } from '../../errors/file-error.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { createPipe } from '../../os/pipe.js';
import { leadsQuietSession } from '../../os/process/process-session.js';
import { type LastWords, keepLastWords } from './stderr-tail.js';
import type { DriverTarget } from './output-target.js';

export interface LogDriver {
  /**
   * Settles when the driver was reaped, with how it ended and its last line of stderr: `exit status 3; it said: ...`.
   */
  readonly ended: Promise<string>;
  /** Sends SIGTERM, and SIGKILL if the driver has not ended after `stopTimeoutMs`. */
  stop(): void;
}

/** The reading ends: blocking, owned by the caller. */
export interface DriverStreams {
  stdout: OwnedFd;
  stderr: OwnedFd;
}

export interface DriverLimits {
  /** How long the driver may take until it is ready. */
  readyTimeoutMs: number;
  /** How long the driver may take to read the rest, when the process has ended. Then it is stopped. */
  finishTimeoutMs: number;
  /** How long the driver may take to end after SIGTERM. Then it is killed. */
  stopTimeoutMs: number;
  /** The pause before a dead driver is started again; twice as long each time. */
  restartPauseMs: number;
  /** If a driver has lived longer than this, the count of restarts begins at 0 again. */
  provenAfterMs: number;
}

/** `readyTimeoutMs` and `stopTimeoutMs` are containerd's. */
export const usualLimits: DriverLimits = {
  readyTimeoutMs: 10_000,
  finishTimeoutMs: 10_000,
  stopTimeoutMs: 12_000,
  restartPauseMs: 100,
  provenAfterMs: 10_000,
};

/**
 * Starts the driver. Settles when it is ready. Fails with ERR_LOG_DRIVER_FAILED, ERR_LOG_DRIVER_TIMEOUT or the signal's
 * reason; the driver is killed then.
 */
export async function startLogDriver(
  target: DriverTarget,
  streams: DriverStreams,
  { readyTimeoutMs, stopTimeoutMs }: DriverLimits,
  signal: AbortSignal | undefined,
): Promise<LogDriver> {
  signal?.throwIfAborted();
  const ready = createPipe({ ours: 'reader', name: `the readiness of ${target.program}` });
  const words = keepLastWords(target.program);
  let child: ChildProcess | undefined;
  try {
    child = spawnDriver(target, [words.theirs, streams.stdout, streams.stderr, ready.theirs]);
    const ended = endOf(child, target, words);
    words.theirs.close();
    ready.theirs.close();
    await untilReady(child, target, ready.ours, { ended, readyTimeoutMs, signal });
    return { ended: ended.then((how) => `${how}${words.said()}`), stop: stopperOf(child, stopTimeoutMs) };
  } catch (error) {
    child?.kill('SIGKILL');
    words.close();
    throw error instanceof TermshimError
      ? new TermshimError(error.code, `${error.message}${words.said()}`, error)
      : error;
  } finally {
    ready.theirs.close();
    ready.ours.close();
  }
}

function spawnDriver({ program, args, env }: DriverTarget, ends: readonly OwnedFd[]): ChildProcess {
  try {
    // A ^C at this process's terminal, or its hang-up, must not reach the driver.
    return spawn(program, [...args], {
      cwd: '/',
      env: { ...env },
      stdio: ['ignore', 'ignore', ...ends.map(({ fd }) => fd)],
      detached: !leadsQuietSession(),
    });
  } catch (error) {
    throw cannotRun(program, error);
  }
}

function cannotRun(program: string, error: unknown): TermshimError {
  const { message, syscall, errno } = fileError(error, `run the log driver ${program}`);
  return new TermshimError('ERR_LOG_DRIVER_FAILED', message, { syscall, errno });
}

/** Settles with how the program ended. Rejects if it could not be run. */
function endOf(child: ChildProcess, { program }: DriverTarget, words: LastWords): Promise<string> {
  const ended = new Promise<string>((resolve, reject) => {
    child.once('exit', (status, signal) => {
      words.close();
      resolve(signal ?? `exit status ${status}`);
    });
    child.on('error', (error) => reject(cannotRun(program, error)));
  });
  ended.catch(() => {});
  return ended;
}

interface Waiting {
  ended: Promise<string>;
  readyTimeoutMs: number;
  signal: AbortSignal | undefined;
}

async function untilReady(
  child: ChildProcess,
  { program, readySign }: DriverTarget,
  ready: OwnedFd,
  { ended, readyTimeoutMs, signal }: Waiting,
): Promise<void> {
  const waiting = new AbortController();
  const byte = new Uint8Array(1);
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (code: 'ERR_LOG_DRIVER_FAILED' | 'ERR_LOG_DRIVER_TIMEOUT', how: string): void =>
        reject(new TermshimError(code, `the log driver ${program} ${how}`));
      const look = (): void => {
        const got = addon.fd_read(ready.fd, byte);
        if (got > 0) resolve();
        // A program that ends closes its descriptors before its exit is reported. Then `ended` has the reason.
        if (got !== 0 || isEnding(child.pid)) return;
        if (readySign === 'close') resolve();
        else fail('ERR_LOG_DRIVER_FAILED', 'closed descriptor 5 without writing a byte to it, so it is not ready');
      };
      const watching = watch(ready.fd, EPOLLIN, look);
      const late = (): void => fail('ERR_LOG_DRIVER_TIMEOUT', `was not ready within ${readyTimeoutMs / 1000} s`);
      const timer = setTimeout(late, readyTimeoutMs);
      const giveUp = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', giveUp, { signal: waiting.signal });
      waiting.signal.addEventListener('abort', () => {
        watching?.close();
        clearTimeout(timer);
      });
      ended.then((how) => fail('ERR_LOG_DRIVER_FAILED', `ended before it was ready: ${how}`), reject);
    });
  } finally {
    waiting.abort();
  }
}

/** Whether the process is exiting: exit_files in kernel/exit.c closes all descriptors before the exit is reported. */
function isEnding(pid: number | undefined): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).length === 0;
  } catch {
    return true;
  }
}

function stopperOf(child: ChildProcess, timeoutMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  child.once('exit', () => clearTimeout(timer));
  return () => {
    if (timer !== undefined || hasEnded()) return;
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  };
}
