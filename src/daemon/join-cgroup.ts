/** The option `shim_cgroup`: a control group for the daemon itself. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors/errors.js';
import { errnoOf, wordsOf } from '../errors/file-error.js';
import { directoriesOf } from '../task/cgroup/cgroup-paths.js';
import { Code, RpcError } from '../ttrpc/status.js';

/**
 * Returns a function that makes this process join a control group. The process can be in only one: it joins the first
 * that a container asks for. The function throws InvalidArgument if the group cannot be joined, and FailedPrecondition
 * if the process is in another one, because the container would rely on a group that the daemon is not in.
 */
export function cgroupJoiner(): (path: string) => Promise<void> {
  let joined: string | undefined;
  return async (path) => {
    if (path === '' || path === joined) return;
    if (joined !== undefined) throw refused(path, `it has joined ${joined} for another container`);
    joined = path;
    try {
      await joinCgroup(path);
    } catch (error) {
      joined = undefined;
      throw error;
    }
  };
}

async function joinCgroup(path: string): Promise<void> {
  if (!path.startsWith('/') || path.split('/').includes('..'))
    throw invalid(path, 'it must be an absolute path without ..');
  const directories = directoriesOf(path);
  if (directories.length === 0) throw invalid(path, 'it does not exist');
  for (const directory of directories) {
    try {
      await writeFile(join(directory, 'cgroup.procs'), String(process.pid), { flag: 'r+' });
    } catch (error) {
      throw invalid(path, wordsOf(errnoOf(error) ?? messageOf(error)));
    }
  }
}

function invalid(path: string, reason: string): RpcError {
  return new RpcError(Code.InvalidArgument, `cannot join the control group ${path} (shim_cgroup): ${reason}`);
}

function refused(path: string, reason: string): RpcError {
  const remedy = 'with TERMSHIM_GROUP=container each container has its own daemon';
  const words = `the daemon cannot join the control group ${path} (shim_cgroup): ${reason}; ${remedy}`;
  return new RpcError(Code.FailedPrecondition, words);
}
