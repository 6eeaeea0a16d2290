/**
 * Where the files of a container are. containerd made a bundle for them. For a command of ours it is a directory of the
 * daemon's own, which is also the bundle if the command had none: what is in a user's bundle stays as it is.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../errors/file-error.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import type { OwnSettings } from './create/create-options.js';

/** Of the names of the daemon's own directories. */
export const containerPrefix = 'container';

export interface ContainerDirectory {
  /** The bundle. */
  readonly bundle: string;
  /** For the pid file. */
  readonly directory: string;
  /** Idempotent. */
  remove(): void;
}

/** @param bundle as the request has it */
export function openContainerDirectory(bundle: string, own: OwnSettings | undefined): ContainerDirectory {
  if (own === undefined) return { bundle, directory: bundle, remove() {} };
  const made = createPrivateDirectory(containerPrefix);
  const directory = made.path;
  const remove = (): void => made.remove();
  if (own.config.length === 0) return { bundle, directory, remove };
  try {
    writeFileSync(join(directory, 'config.json'), own.config, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    remove();
    throw fileError(error, `write the bundle ${directory}`);
  }
  return { bundle: directory, directory, remove };
}
