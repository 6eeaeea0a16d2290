/** Calls `delete` of the shim as containerd does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { DeleteResponse } from '../../../src/ttrpc/gen/containerd/task.js';
import { shimEnvironment, shimPath } from './shim.js';

export interface DeleteAnswer {
  response: DeleteResponse;
  warnings: string[];
}

/** What it printed must be a DeleteResponse to the last byte. Called elsewhere than in the bundle, as containerd may. */
export async function callDelete(words: readonly string[], env = shimEnvironment): Promise<DeleteAnswer> {
  const child = spawn(shimPath, words, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
  const [stdout, stderr, [status]] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'exit')]);
  assert.equal(status, 0, stderr);
  const response = DeleteResponse.decode(stdout);
  assert.deepEqual(stdout, Buffer.from(DeleteResponse.encode(response).finish()));
  return { response, warnings: stderr.split('\n').slice(0, -1) };
}

/** Checks the answer for a process whose exit status is unknown: 137, now. */
export function assertKilledNow({ response: { exitStatus, exitedAt } }: DeleteAnswer): void {
  assert.equal(exitStatus, 137);
  assert.ok(Math.abs(Number(exitedAt?.seconds) - Date.now() / 1000) < 20, 'not now');
}
