/**
 * The log target of a log driver. The process has the writing ends, the driver has the reading ends, and no byte passes
 * through this process. It keeps the reading ends open too: so the process gets no SIGPIPE if the driver dies, and
 * another driver, or this process, reads on where the driver has stopped.
 */
import { constants } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { copyToLog } from '../../log/write/copy-to-log.js';
import { addon } from '../../native/addon.js';
import { EPOLLHUP, EPOLLIN } from '../../os/epoll.js';
import { messageOf, TermshimError } from '../../errors/errors.js';
import { OwnedFd } from '../../os/owned-fd.js';
import { type PipeEnds, createPipeEnds } from '../../os/pipe.js';
import { trackBackground } from '../../async/background.js';
import { discardRest } from '../copy/discard-rest.js';
import { haveWriters } from '../copy/have-writers.js';
import { type DriverLimits, type LogDriver, startLogDriver, usualLimits } from './log-driver.js';
import type { OpenLogTarget, LogTargetOptions, OutputStream } from './log-target.js';
import type { DriverTarget } from './output-target.js';

/** Starts the driver. Fails as `startLogDriver` does. */
export async function openDriverTarget(
  target: DriverTarget,
  options: LogTargetOptions,
  limits: DriverLimits = usualLimits,
): Promise<OpenLogTarget> {
  const stdout = createPipeEnds('stdout', options.owner);
  let stderr: PipeEnds | undefined;
  try {
    stderr = createPipeEnds('stderr', options.owner);
    const readers = { stdout: stdout.reader, stderr: stderr.reader };
    const driver = await startLogDriver(target, readers, limits, options.signal);
    return new OpenDriverTarget({ ...options, target, limits, driver, pipes: { stdout, stderr } });
  } catch (error) {
    for (const end of [stdout.reader, stdout.writer, stderr?.reader, stderr?.writer]) end?.close();
    throw error;
  }
}

interface OpenDriverTargetOptions extends LogTargetOptions {
  target: DriverTarget;
  limits: DriverLimits;
  driver: LogDriver;
  pipes: Readonly<Record<OutputStream, PipeEnds>>;
}

const emptyPollMs = 25;

/** How often a driver that dies is started again. After a driver that lived for `provenAfterMs` the count is 0. */
const mostRestarts = 5;

class OpenDriverTarget implements OpenLogTarget {
  readonly stdout: OwnedFd;
  readonly stderr: OwnedFd;
  readonly done: Promise<void>;
  readonly #options: OpenDriverTargetOptions;
  readonly #closing = new AbortController();
  #resolveDone!: () => void;
  #driver: LogDriver | undefined;
  #startedAt = performance.now();
  #restarts = 0;
  #finishTimer: NodeJS.Timeout | undefined;
  /** Whether `finishTimeoutMs` is over. */
  #isOver = false;
  /** Whether the process has ended and only other processes have the pipes open. */
  #isLate = false;
  /** Streams that this process reads and discards, after the last driver has died. */
  #discarding: Partial<Record<OutputStream, { close(): void }>> = {};
  #discardedBytes = 0;

  constructor(options: OpenDriverTargetOptions) {
    const { stdout, stderr } = options.pipes;
    this.#options = options;
    this.stdout = stdout.writer;
    this.stderr = stderr.writer;
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
    this.#adopt(options.driver);
  }

  /** While other processes have the pipes open, the driver has no time limit. */
  async end(): Promise<void> {
    const readers = this.#readers().map(([, end]) => end);
    this.#isLate = await haveWriters(readers);
    if (this.#isLate) return this.#emptied();
    this.#finishTimer ??= setTimeout(() => this.#giveUp(), this.#options.limits.finishTimeoutMs);
    await this.done;
  }

  close(): void {
    const ended = this.#driver?.ended ?? Promise.resolve();
    trackBackground(ended);
    this.#driver?.stop();
    this.stdout.close();
    this.stderr.close();
    this.#finish(ended);
  }

  /** Settles when the driver has emptied the pipes. The kernel reports no event for that, so this polls. */
  async #emptied(): Promise<void> {
    const isFull = ([, end]: [unknown, OwnedFd]): boolean => end.isOpen && (addon.fd_poll(end.fd) & EPOLLIN) !== 0;
    while (this.#readers().some(isFull)) await delay(emptyPollMs);
  }

  #giveUp(): void {
    this.#isOver = true;
    if (this.#driver === undefined) this.#finish();
    else this.#driver.stop();
  }

  #adopt(driver: LogDriver): void {
    this.#driver = driver;
    this.#startedAt = performance.now();
    void driver.ended.then((how) => this.#ended(how));
  }

  #ended(how: string): void {
    this.#driver = undefined;
    if (this.#closing.signal.aborted) return;
    const reason = driverFailed(`${this.#name()} ended before the output had ended: ${how}`);
    if (this.#isDry()) return this.#finish();
    const { limits, onError } = this.#options;
    if (performance.now() - this.#startedAt > limits.provenAfterMs) this.#restarts = 0;
    if (!this.#isOver) return void this.#goOn(reason);
    onError(reason);
    this.#finish();
  }

  /** Whether the pipes are empty, and no more output of the process can come. */
  #isDry(): boolean {
    return this.#readers().every(([, { fd }]) => {
      const events = addon.fd_poll(fd);
      return (events & EPOLLIN) === 0 && (this.#isLate || (events & EPOLLHUP) !== 0);
    });
  }

  async #goOn(reason: TermshimError): Promise<void> {
    const { target, limits, pipes, onError } = this.#options;
    if (target.onDeath === 'discard' || this.#restarts === mostRestarts) return this.#discard(reason);
    onError(driverFailed(`${reason.message}; it is started again`));
    try {
      const { signal } = this.#closing;
      await delay(limits.restartPauseMs * 2 ** this.#restarts++, undefined, { signal });
      const streams = { stdout: pipes.stdout.reader, stderr: pipes.stderr.reader };
      this.#adopt(await startLogDriver(target, streams, limits, signal));
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      // The driver may have read everything and ended before this process could see that it was ready.
      if (this.#isDry()) return this.#finish();
      await this.#goOn(driverFailed(messageOf(error)));
    }
  }

  /** Reads and discards the output, so that the process goes on. */
  #discard(reason: TermshimError): void {
    const { onError } = this.#options;
    onError(driverFailed(`${reason.message}; the output is discarded from now on`));
    for (const [stream, end] of this.#readers()) this.#discarding[stream] = this.#read(stream, end);
  }

  #read(stream: OutputStream, end: OwnedFd): { close(): void } {
    const pipe = openAnew(end);
    const write = (_stream: string, { length }: Uint8Array): boolean => {
      this.#discardedBytes += length;
      return true;
    };
    const copy = copyToLog({ source: pipe.fd, stream, log: { write, end() {} } });
    const close = (): void => {
      copy.close();
      pipe.close();
    };
    const ended = (): void => {
      close();
      this.#discardedAll(stream);
    };
    copy.done.then(ended, ended);
    return { close };
  }

  #discardedAll(stream: OutputStream): void {
    delete this.#discarding[stream];
    if (Object.keys(this.#discarding).length > 0) return;
    this.#options.onError(
      driverFailed(`${this.#discardedBytes} bytes of output were discarded after ${this.#name()} had ended`),
    );
    this.#finish();
  }

  /** @param ended settles when the driver has ended; until then, the rest is for the driver to read */
  #finish(ended: Promise<unknown> = Promise.resolve()): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    clearTimeout(this.#finishTimer);
    for (const reader of Object.values(this.#discarding)) reader.close();
    void ended.then(() => this.#discardRest());
    this.#resolveDone();
  }

  #discardRest(): void {
    for (const [, end] of this.#readers()) {
      if ((addon.fd_poll(end.fd) & EPOLLHUP) === 0) discardRest(openAnew(end));
      end.close();
    }
  }

  #readers(): [OutputStream, OwnedFd][] {
    const { stdout, stderr } = this.#options.pipes;
    return [
      ['stdout', stdout.reader],
      ['stderr', stderr.reader],
    ];
  }

  #name(): string {
    return `the log driver ${this.#options.target.program}`;
  }
}

/**
 * Opens the pipe once more, non-blocking: the driver's descriptor is blocking, and so is each of the same open file
 * description.
 */
function openAnew(end: OwnedFd): OwnedFd {
  return OwnedFd.open(`/proc/self/fd/${end.fd}`, constants.O_RDONLY | constants.O_NONBLOCK, end.name);
}

function driverFailed(message: string): TermshimError {
  return new TermshimError('ERR_LOG_DRIVER_FAILED', message);
}
