/**
 * Mounts a container's root filesystem as containerd asks for it, and unmounts it.
 */
import { join } from 'node:path';
import { TermshimError, messageOf, systemError } from '../../errors/errors.js';
import type { Mount } from './mount.js';
import { wordsOf } from './mounter-arguments.js';
import { type MounterFailure, runMounter } from './mounter.js';

export interface MountLimits {
  /** The time limit for all mounts together. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** Long, because an image may have to be read over a network first. */
const mountMs = 60_000;

/** Long, because a network filesystem first writes what is pending. */
const unmountMs = 60_000;

/**
 * Makes all mounts or none: undoes the finished ones before it throws ERR_MOUNT_FAILED or the signal's reason. Settles
 * soon after the time limit even if a mount hangs, and does not block this process meanwhile.
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
 * Unmounts all that is mounted at the directory and below it. Does nothing if nothing is, or if the directory is
 * missing. FUSE programs that were started for the mounts have ended when this resolves. Throws ERR_SYSTEM.
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
