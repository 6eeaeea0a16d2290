/** The daemon of `termshim run`. Each testbed has its own daemon, because it has its own $XDG_RUNTIME_DIR. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type Client, clientOf, connectTtrpc } from '../../../src/ttrpc/client.js';
import { TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { runToEnd } from '../base/command.js';
import type { Testbed } from './testbed.js';
import { termshimProgram } from './termshim.js';
import { waitFor } from '../base/wait-for.js';

function fileOf(env: NodeJS.ProcessEnv, name: string): string {
  return `${env['XDG_RUNTIME_DIR']}/termshim/${name}`;
}

/**
 * Ends it, if one runs. It must have no container left, or be about to remove the last, and nothing to complain of. What it
 * said otherwise is the error.
 */
export async function stopDaemon(env: NodeJS.ProcessEnv, mayComplain = false): Promise<void> {
  let said = '';
  const stop = async (): Promise<boolean> => {
    said = (await runToEnd([termshimProgram, 'daemon', '--stop'], { env })).stderr;
    return !said.includes('ERR_DAEMON_BUSY');
  };
  if (existsSync(fileOf(env, 'daemon.sock'))) await waitFor(stop, 'the daemon to have nothing', 3000).catch(() => {});
  assert.equal(said, '', 'the daemon does not stop');
  const log = fileOf(env, 'daemon.log');
  const complaints = existsSync(log) ? readFileSync(log, 'utf8') : '';
  rmSync(log, { force: true });
  if (!mayComplain) assert.equal(complaints, '', 'the daemon has something to complain of');
}

export interface UserDaemon {
  task: Client<typeof TaskDefinition>;
  sessions: Client<typeof SessionsDefinition>;
}

/** Connects to the one that runs, until the end of the test. */
export async function connectToDaemon(testbed: Testbed): Promise<UserDaemon> {
  const connection = await connectTtrpc(fileOf(testbed.env, 'daemon.sock'));
  testbed.after(() => connection.close());
  return { task: clientOf(TaskDefinition, connection), sessions: clientOf(SessionsDefinition, connection) };
}
