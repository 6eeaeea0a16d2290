/** Checks in a child process whether a directory is trusted, because its disk may not answer. */
import { dirname } from 'node:path';
import { assertTrustedSteps, type Owner, type Step } from './directory-trust.js';
import { runElsewhere } from '../process/run-in-child.js';

/**
 * Returns the real path of a directory that only root and this user may write to or replace. Throws
 * ERR_DIRECTORY_UNSAFE if others may, and what `runElsewhere` throws: ERR_SYSTEM also if it is missing or not a
 * directory.
 */
export async function trustedDirectoryElsewhere(
  path: string,
  owner: Owner,
  limits: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<string> {
  const answer = await runElsewhere(script, [path], { attempted: `access the directory ${path}`, ...limits });
  const { real, found } = JSON.parse(answer.toString()) as { real: string; found: [uid: number, mode: number][] };
  let at = real;
  const steps = found.map(([uid, mode]): Step => {
    const step = { path: at, uid, mode };
    at = dirname(at);
    return step;
  });
  assertTrustedSteps(steps as [Step, ...Step[]], owner);
  return real;
}

const script = `
  const { dirname } = require('path');
  const real = fs.realpathSync.native(process.argv[1]);
  const found = [];
  for (let at = real; ; at = dirname(at)) {
    const stats = fs.lstatSync(at);
    if (at === real && !stats.isDirectory()) throw new Error('it is not a directory');
    found.push([stats.uid, stats.mode]);
    if (at === '/') break;
  }
  fs.writeSync(1, JSON.stringify({ real, found }));
`;
