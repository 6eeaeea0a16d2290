/*
 * An exec process is like the first process of its container, except for the fields of the request. If a variable
 * occurs twice, programs disagree about its value. The tests build processes from specs and requests.
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

test('an exec process inherits the fields that the request does not set from the first process', () => {
  const { consoleSize: _, ...rest } = init;
  assert.deepEqual(execProcess(init, nothing), { ...rest, args: ['ls', '-l'], terminal: false });
});

test('an exec process does not inherit the fields that the request sets', () => {
  const user = { uid: 7, gid: 8 };
  const said = execProcess(init, { ...nothing, cwd: '/tmp', user });
  assert.deepEqual([said.cwd, said.user], ['/tmp', user]);
});

test('each variable of an exec process occurs once, with its last value', () => {
  const env = ['HOME=/tmp', 'NEW=a=b', 'NEW=c'];
  assert.deepEqual(execProcess(init, { ...nothing, env }).env, ['PATH=/bin', 'HOME=/tmp', 'NEW=c']);
});

test('an exec process with a terminal has a TERM, which is that of the container if it has one', () => {
  assert.deepEqual(execProcess(init, { ...nothing, terminal: true }).env, ['TERM=xterm', 'PATH=/bin', 'HOME=/root']);
  const { env } = execProcess({ ...init, env: ['TERM=vt100'] }, { ...nothing, terminal: true });
  assert.deepEqual(env, ['TERM=vt100']);
});
