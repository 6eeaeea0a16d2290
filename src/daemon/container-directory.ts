/**
 * The directory for the files of a container. For containerd it is the bundle. For a command of termshim it is a
 * private directory of the daemon, so that a user's bundle stays unchanged. If the command has no bundle, this
 * directory is the bundle too.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../errors/file-error.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import type { OwnSettings } from './create/create-options.js';

/** The first part of the names of these private directories. */
export const containerPrefix = 'container';

export interface ContainerDirectory {
  /** The bundle. */
  readonly bundle: string;
  /** For the pid file. */
  readonly directory: string;
  /** Idempotent. */
  remove(): void;
}

/** @param bundle the path in the Create request */
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
