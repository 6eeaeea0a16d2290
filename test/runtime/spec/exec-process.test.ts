/*
 * One more process in a container is like its first, but for what was asked. A variable that is there twice means one thing
 * to one program and another to the next.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execProcess } from '../../../src/runtime/spec/exec-process.js';

const init = {
  terminal: true,
  consoleSize: { height: 1, width: 2 },
  user: { uid: 1, gid: 2, additionalGids: [3] },
  args: ['init'],
  env: ['PATH=/bin', 'HOME=/root'],
  cwd: '/srv',
  capabilities: { bounding: ['CAP_KILL'] },
  noNewPrivileges: true,
};
const nothing = { args: ['ls', '-l'], terminal: false, env: [], cwd: undefined, user: undefined };

test('an exec process inherits from the first process what is not set', () => {
  const { consoleSize: _, ...rest } = init;
  assert.deepEqual(execProcess(init, nothing), { ...rest, args: ['ls', '-l'], terminal: false });
});

test('an exec process does not inherit what is set', () => {
  const user = { uid: 7, gid: 8 };
  const said = execProcess(init, { ...nothing, cwd: '/tmp', user });
  assert.deepEqual([said.cwd, said.user], ['/tmp', user]);
});

test('each variable of an exec process exists once, and the last value counts', () => {
  const env = ['HOME=/tmp', 'NEW=a=b', 'NEW=c'];
  assert.deepEqual(execProcess(init, { ...nothing, env }).env, ['PATH=/bin', 'HOME=/tmp', 'NEW=c']);
});

test('an exec process with a terminal has a TERM, which is the container’s own if it has one', () => {
  assert.deepEqual(execProcess(init, { ...nothing, terminal: true }).env, ['TERM=xterm', 'PATH=/bin', 'HOME=/root']);
  const { env } = execProcess({ ...init, env: ['TERM=vt100'] }, { ...nothing, terminal: true });
  assert.deepEqual(env, ['TERM=vt100']);
});
