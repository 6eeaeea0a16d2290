/**
 * What a runtime does by criu, and how that fails: the runtime knows no more than that it did, and criu leaves mounts where it is
 * killed.
 */
import { dirname, join } from 'node:path';
import { runElsewhere } from '../os/process/run-in-child.js';
import { messageOf, TermshimError } from '../errors/errors.js';
import { unmountAll } from '../os/mount/mount-all.js';
import { readElsewhere } from '../os/file/read-in-child.js';

export interface CriuDirectory {
  /** Where it works; undefined where the runtime says where, and removes it. */
  workPath: string | undefined;
  /** The log that it writes there. A runtime gives it its name. */
  log: 'dump.log' | 'restore.log';
}

/** Runs `work`. If it fails, what criu has said meanwhile stands in the error too, and its mounts are gone. */
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

/** How many work in a directory: a client may have named one for several. */
const works = new Map<string, number>();

async function explained(error: unknown, log: string, notBefore: number): Promise<unknown> {
  let left = '';
  try {
    await removeYards(dirname(log));
  } catch (reason) {
    left = `; what criu has mounted stays: ${messageOf(reason)}`;
  }
  if (!(error instanceof TermshimError) || !isAboutCriu.has(error.code)) return error;
  const words = await readWords(log, notBefore);
  const said = words === '' ? '' : `; criu said: ${words} (${log})`;
  return said + left === '' ? error : new TermshimError(error.code, error.message + said + left, { cause: error });
}

/** criu mounts control groups in directories of its own, and unmounts them again; not if it is killed. */
async function removeYards(workPath: string): Promise<void> {
  if ((works.get(workPath) ?? 0) > 1) return;
  const limits = { attempted: `look for what criu has left in ${workPath}`, timeoutMs: 5000 };
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

/** By how much the time of a file may be behind the clock: a tick of the kernel. */
const clockMs = 20;

/** Empty where there is nothing to read, or nothing to be read in time. */
async function readWords(path: string, notBefore: number): Promise<string> {
  const options = { maxBytes: maxLogBytes, atEnd: true, timeoutMs: 5000, notBefore };
  const log = await readElsewhere(path, options).catch(() => Buffer.alloc(0));
  return lastCriuWords(log.toString());
}

/** Of a log that may have megabytes; the errors stand at its end. */
const maxLogBytes = 65_536;

const maxCharacters = 300;

/**
 * The last two errors before criu says that it gives up: what follows is of its helpers, which it stops then, and the last alone
 * is often no more than that something has failed. Empty if there is none.
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
