/**
 * Runs a command for which a runtime starts criu. If it fails, the runtime knows only that criu failed, and criu leaves
 * mounts if it is killed: so this reads criu's log, and removes the mounts.
 */
import { dirname, join } from 'node:path';
import { runElsewhere } from '../os/process/run-in-child.js';
import { messageOf, TermshimError } from '../errors/errors.js';
import { unmountAll } from '../os/mount/mount-all.js';
import { readElsewhere } from '../os/file/read-in-child.js';

export interface CriuDirectory {
  /** criu's work directory; undefined if the runtime chooses one, and removes it. */
  workPath: string | undefined;
  /** The log that criu writes there. The runtime chooses its name. */
  log: 'dump.log' | 'restore.log';
}

/** Runs `work`. If it fails, the error also has criu's messages of that time, and criu's mounts are removed. */
export async function withCriu({ workPath, log }: CriuDirectory, work: () => Promise<void>): Promise<void> {
  if (workPath === undefined) return await work();
  const startedAt = Date.now();
  works.set(workPath, (works.get(workPath) ?? 0) + 1);
  try {
    await work();
  } catch (error) {
    throw await explained(error, join(workPath, log), startedAt - clockMs);
  } finally {
    const others = (works.get(workPath) ?? 1) - 1;
    if (others > 0) works.set(workPath, others);
    else works.delete(workPath);
  }
}

/** How many calls use a directory: a client may have named one for several. */
const works = new Map<string, number>();

async function explained(error: unknown, log: string, notBefore: number): Promise<unknown> {
  let left = '';
  try {
    await removeYards(dirname(log));
  } catch (reason) {
    left = `; the mounts of criu could not be removed: ${messageOf(reason)}`;
  }
  if (!(error instanceof TermshimError) || !isAboutCriu.has(error.code)) return error;
  const words = await readWords(log, notBefore);
  const said = words === '' ? '' : `; criu said: ${words} (${log})`;
  return said + left === '' ? error : new TermshimError(error.code, error.message + said + left, { cause: error });
}

/** Removes the directories in which criu mounts control groups. criu removes them itself, unless it is killed. */
async function removeYards(workPath: string): Promise<void> {
  if ((works.get(workPath) ?? 0) > 1) return;
  const limits = { attempted: `find the mounts of criu in ${workPath}`, timeoutMs: 5000 };
  const found = JSON.parse((await runElsewhere(findYards, [workPath], limits)).toString()) as string[];
  for (const yard of found) await unmountAll(yard);
  if (found.length > 0) await runElsewhere(removeDirectories, found, limits);
}

const findYards = `
  const { join } = require('path');
  const [path] = process.argv.slice(1);
  const found = fs.existsSync(path) ? fs.readdirSync(path, { withFileTypes: true }) : [];
  const yards = found.filter((it) => it.isDirectory() && it.name.startsWith('.criu.cgyard.')).slice(0, 100);
  fs.writeSync(1, JSON.stringify(yards.map(({ name }) => join(fs.realpathSync.native(path), name))));
`;

const removeDirectories = 'for (const path of process.argv.slice(1)) fs.rmdirSync(path);';

const isAboutCriu = new Set<string>(['ERR_RUNTIME_FAILED', 'ERR_RUNTIME_DIED', 'ERR_RUNTIME_TIMEOUT']);

/** By how many milliseconds the time of a file may be behind the clock: a tick of the kernel. */
const clockMs = 20;

/** criu's last errors. Empty if its log cannot be read, or not in time. */
async function readWords(path: string, notBefore: number): Promise<string> {
  const options = { maxBytes: maxLogBytes, atEnd: true, timeoutMs: 5000, notBefore };
  const log = await readElsewhere(path, options).catch(() => Buffer.alloc(0));
  return lastCriuWords(log.toString());
}

/** How much of the end of the log is read. The log may have megabytes; the errors are at its end. */
const maxLogBytes = 65_536;

const maxCharacters = 300;

/**
 * The last two errors before criu reports that it gives up. Later errors are from its helpers, which it stops then. The
 * last error alone often says only that something has failed. Empty if there is none.
 */
export function lastCriuWords(log: string): string {
  const errors: string[] = [];
  for (const line of log.split('\n')) {
    const [, words] = /\bError \([^)]*\): (.*)/.exec(line) ?? [];
    if (words === undefined) continue;
    if (/^(?:Restoring|Dumping) FAILED/.test(words) && errors.length > 0) break;
    errors.push(words.trim());
  }
  const words = errors.slice(-2).join('; ').replaceAll(/\s+/g, ' ');
  return words.length > maxCharacters ? `${words.slice(0, maxCharacters)}...` : words;
}
