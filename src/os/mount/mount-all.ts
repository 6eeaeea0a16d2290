/**
 * A container's root file system: the mounts that containerd wants, one after the other, and away with them.
 */
import { join } from 'node:path';
import { TermshimError, messageOf, systemError } from '../../errors/errors.js';
import type { Mount } from './mount.js';
import { wordsOf } from './mounter-arguments.js';
import { type MounterFailure, runMounter } from './mounter.js';

export interface MountLimits {
  /** How long all of it may take. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** An image may have to be read over a network first. */
const mountMs = 60_000;

/** A file system that is written through a network may take its time for what is not written yet. */
const unmountMs = 60_000;

/**
 * Mounts all of them, or none: what was done is undone before ERR_MOUNT_FAILED is thrown, or the reason of the signal. Whatever
 * hangs, it settles soon after the time is up, and meanwhile keeps nobody else waiting.
 */
export async function mountAll(
  mounts: readonly Mount[],
  root: string,
  { timeoutMs = mountMs, signal }: MountLimits = {},
): Promise<void> {
  const failed = (message: string, reason: Partial<TermshimError> = {}): TermshimError =>
    new TermshimError('ERR_MOUNT_FAILED', message, { syscall: reason.syscall, errno: reason.errno });
  const nameOf = ({ type, source, target = '' }: Mount): string => `${type} ${source} at ${join(root, target)}`;
  signal?.throwIfAborted();
  const words = mounts.flatMap((mount) =>
    wordsOf(mount, (reason) => {
      throw failed(`cannot mount ${nameOf(mount)}: ${reason}`);
    }),
  );
  if (words.length === 0) return;
  const failure = await runMounter('mount', root, timeoutMs, words, signal).catch((error: unknown) => {
    throw failed(messageOf(error));
  });
  if (failure === undefined) return;
  signal?.throwIfAborted();
  const { message, ...reason } = reasonOf(failure, nameOf(mounts[failure.index] as Mount));
  throw failed(message, reason);
}

/**
 * Takes away whatever is mounted at the directory and below it. No error if nothing is, or if there is no directory. A FUSE
 * program that was started for it has ended then. Throws ERR_SYSTEM.
 */
export async function unmountAll(root: string, timeoutMs = unmountMs): Promise<void> {
  const failure = await runMounter('unmount', root, timeoutMs, []);
  if (failure !== undefined) throw reasonOf(failure, '');
}

function reasonOf({ syscall, errno, attempted, words }: MounterFailure, name: string): TermshimError {
  const what = `${attempted} ${name}`.trim();
  if (errno === 0) return new TermshimError('ERR_SYSTEM', `cannot ${what}: ${words}`);
  const error = systemError(-errno, syscall, what);
  return words === '' ? error : new TermshimError('ERR_SYSTEM', `${error.message}: ${words}`, error);
}
