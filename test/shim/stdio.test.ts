/*
 * The stdio paths of a request come from whoever calls: a path, the URI of a FIFO, the URI of something else, rubbish.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStdio, stdioFields } from '../../src/shim/stdio.js';

const none = { terminal: false, stdin: '', stdout: '', stderr: '' };
const stdoutOf = (stdout: string): string => stdioFields(readStdio({ ...none, stdout })).stdout;

test('a path, or a URI of one', () => {
  assert.equal(stdoutOf('/run/out'), '/run/out');
  assert.equal(stdoutOf('/run/100%'), '/run/100%');
  assert.equal(stdoutOf('fifo:///run/out'), '/run/out');
  assert.equal(stdoutOf('fifo:///run/my%20out%25'), '/run/my out%');
  assert.equal(stdoutOf(''), '');
});

test('a URI that is broken, or of something else, is refused with a reason', () => {
  assert.throws(() => stdoutOf('fifo:///run/100%'), { code: 'ERR_FIFO_INVALID', message: /fifo:\/\/\/run\/100%/ });
  assert.throws(() => stdoutOf('binary:///bin/logger'), { code: 'ERR_STDIO_UNSUPPORTED' });
});

test('a terminal has no stderr', () => {
  const given = { terminal: true, stdin: '/in', stdout: '/out', stderr: '/err' };
  assert.deepEqual(stdioFields(readStdio(given)), { ...given, stderr: '' });
  assert.deepEqual(stdioFields(readStdio({ ...given, terminal: false })), { ...given, terminal: false });
});

test('the settings of a URI are the policies, and without one they are containerd’s', () => {
  const containerd = readStdio({ ...none, terminal: true, stdin: '/in', stdout: 'fifo:///out' });
  const { holdStdin, noReader } = containerd as { holdStdin: boolean; noReader: string };
  assert.deepEqual([holdStdin, noReader, 'stdinEnd' in containerd && containerd.stdinEnd], [true, 'block', 'hangup']);
  const ours = { stdin: 'fifo:///in?hold=no&end=veof', stdout: 'fifo:///a%3Fb?no-reader=hangup' };
  assert.deepEqual(readStdio({ ...none, ...ours, terminal: true }), {
    kind: 'terminal',
    stdin: '/in',
    holdStdin: false,
    stdinEnd: 'veof',
    stdout: '/a?b',
    noReader: 'hangup',
    size: undefined,
  });
  for (const stdin of ['fifo:///in?hold=maybe', 'fifo:///in?end=never']) {
    const refused = { code: 'ERR_STDIO_UNSUPPORTED', message: new RegExp(stdin.replace('?', '\\?')) };
    assert.throws(() => readStdio({ ...none, terminal: true, stdin }), refused);
  }
});
