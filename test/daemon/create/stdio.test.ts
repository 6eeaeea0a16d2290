/*
 * The stdio paths of a request come from any caller: a path, the URI of a FIFO, a file or a log driver, or garbage.
 * What could break: garbage ends in an unexpected exception, or a log driver gets its arguments in another order or
 * without repeated or empty ones. The tests make up texts of every kind: each must be refused with its one error, or be
 * understood as it was meant.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { TermshimError } from '../../../src/errors/errors.js';
import { readStdio, type StdioRequest } from '../../../src/daemon/create/stdio.js';
import type { PipeStdio, TerminalStdio } from '../../../src/task/io/process-io.js';

const place = { namespace: 'n', id: 'c', owner: undefined };
const none = { terminal: false, stdin: '', stdout: '', stderr: '' };
const env = { CONTAINER_ID: 'c', CONTAINER_NAMESPACE: 'n' };

function read(request: Partial<StdioRequest>): PipeStdio {
  return readStdio({ ...none, ...request }, place) as PipeStdio;
}

function refused(request: Partial<StdioRequest>, why: RegExp): void {
  assert.throws(() => read(request), { name: 'TermshimError', code: 'ERR_STDIO_INVALID', message: why });
}

const stdoutOf = (stdout: string) => read({ stdout }).stdout;

test('stdout is a FIFO if it is a path or a FIFO URI', () => {
  assert.deepEqual(stdoutOf('/run/out'), { kind: 'fifo', path: '/run/out' });
  assert.deepEqual(stdoutOf('/run/100%'), { kind: 'fifo', path: '/run/100%' });
  assert.deepEqual(stdoutOf('fifo:///run/my%20out%25'), { kind: 'fifo', path: '/run/my out%' });
  assert.equal(stdoutOf(''), undefined);
});

test('a file or a driver takes both streams, whatever stderr says', () => {
  for (const stdout of ['file:///var/log/a%20b', 'binary:///bin/logger?k=v']) {
    for (const stderr of ['', '/run/err', stdout]) {
      const both = read({ stdout, stderr });
      assert.equal(both.stderr, both.stdout);
    }
  }
  assert.deepEqual(stdoutOf('file:///var/log/a%20b'), { kind: 'file', path: '/var/log/a b' });
});

test('stderr alone may go to a file or a driver', () => {
  const { stdout, stderr } = read({ stdout: '/run/out', stderr: 'file:///log' });
  assert.deepEqual(
    [stdout, stderr],
    [
      { kind: 'fifo', path: '/run/out' },
      { kind: 'file', path: '/log' },
    ],
  );
  assert.deepEqual(read({ stderr: 'file:///log' }).stdout, undefined);
});

test('a driver gets the query as pairs in their order, and nothing else', () => {
  const common = { kind: 'driver', program: '/bin/my logger', env } as const;
  assert.deepEqual(stdoutOf('binary:///bin/my%20logger?z=1&a=2&z=3&empty&equals=a%3Db=c&plus=1+1'), {
    ...common,
    args: ['z', '1', 'a', '2', 'z', '3', 'empty', '', 'equals', 'a=b=c', 'plus', '1 1'],
    readySign: 'close',
    onDeath: 'restart',
  });
  const discarding = { ...common, args: ['on-exit', 'mine'], readySign: 'byte', onDeath: 'discard' };
  assert.deepEqual(stdoutOf('binary-v2:///bin/my%20logger?on-exit=mine#on-exit=discard'), discarding);
});

test('a log takes Docker’s settings, and takes stderr unless that goes elsewhere', () => {
  const text = 'json-file:///var/log/a%20b?max-size=10m&max-file=3';
  const { stdout, stderr } = read({ stdout: text, stderr: text });
  const options = { path: '/var/log/a b', format: 'json-file', maxBytes: 10_000_000, maxFiles: 3, compress: false };
  assert.deepEqual(stdout, { kind: 'log', options });
  assert.equal(stderr, stdout);
  assert.equal(read({ stdout: text }).stderr?.kind, 'log');
  const apart = read({ stdout: text, stderr: 'cri:///err' });
  assert.deepEqual(apart.stderr?.kind === 'log' && apart.stderr.options.format, 'cri');
  assert.throws(() => read({ stdout: 'json-file:///log?max-size=big' }), { code: 'ERR_LOG_OPTION' });
  refused({ stdout: 'json-file:///log?format=cri' }, /the setting format is not allowed/);
});

test('an additional log gets a copy of the output that has a target, and all output that has none', () => {
  const withLog = (request: Partial<StdioRequest>): PipeStdio =>
    readStdio({ ...none, ...request }, place, 'json-file:///log') as PipeStdio;
  const nowhere = withLog({});
  assert.deepEqual([nowhere.stdout?.kind, nowhere.log], ['log', undefined]);
  assert.equal(nowhere.stderr, nowhere.stdout);
  const half = withLog({ stdout: '/out' });
  assert.deepEqual([half.stdout?.kind, half.log?.kind, half.noReader], ['fifo', 'log', 'skip']);
  assert.equal(half.stderr, half.log);
  assert.equal(withLog({ stdout: 'fifo:///out?no-reader=hangup' }).noReader, 'hangup');
  assert.equal(withLog({ stdout: 'json-file:///log' }).log, undefined);
  const terminal = readStdio({ ...none, terminal: true }, place, 'file:///log') as TerminalStdio;
  assert.deepEqual([terminal.stdout, terminal.log], [{ kind: 'file', path: '/log' }, undefined]);
  assert.throws(() => readStdio(none, place, '/run/fifo'), { code: 'ERR_STDIO_INVALID' });
});

test('a URI that has no meaning is refused, and the error has the URI and the reason', () => {
  refused({ stdout: 'fifo:///run/100%' }, /"fifo:\/\/\/run\/100%".*escape/);
  refused({ stdout: 'file:///%ff' }, /escape/);
  refused({ stdout: 'binary:///bin/x?a=%2' }, /escape/);
  refused(
    { stdout: 'journald://' },
    /unknown scheme journald; the schemes are fifo, file, binary, binary-v2, json-file, cri/,
  );
  refused({ stdout: 'out' }, /not absolute/);
  refused({ stdout: 'file://host/log' }, /not absolute/);
  refused({ stdout: 'binary://logger' }, /not absolute/);
  refused({ stdout: 'file:///log%00' }, /zero byte/);
  refused({ stdout: 'file:///log?max-size=1' }, /unknown setting max-size/);
  refused({ stdout: 'file:///log#on-exit=discard' }, /fragment/);
  refused({ stdout: 'binary:///x#on-exit=never' }, /on-exit must be one of restart, discard/);
  refused({ stdout: 'binary:///x#restart' }, /unknown setting restart/);
  refused({ stderr: 'fifo:///run/err?no-reader=block' }, /unknown setting no-reader/);
  refused({ stdin: 'file:///in' }, /stdin must be a FIFO/);
  refused({ stdin: 'fifo:///in?hold=maybe' }, /fifo:.*hold must be one of yes, no/);
  refused({ stdin: 'fifo:///in?end=never' }, /end must be one of hangup/);
  refused({ stdin: 'fifo:///in?hold=no&hold=no' }, /hold is set twice/);
  refused({ stdin: 'fifo:///in?toString=1' }, /unknown setting toString/);
});

test('a process with a terminal has no stderr', () => {
  const given = { terminal: true, stdin: '/in', stdout: '/out', stderr: 'nonsense' };
  assert.equal('stderr' in readStdio(given, place), false);
});

test('the settings of a URI set the policies, and without any containerd’s apply', () => {
  const terminal = (stdin: string, stdout: string): TerminalStdio =>
    readStdio({ ...none, terminal: true, stdin, stdout }, place) as TerminalStdio;
  const containerd = terminal('/in', 'fifo:///out');
  assert.deepEqual([containerd.holdStdin, containerd.noReader, containerd.stdinEnd], [true, 'block', 'hangup']);
  const ours = { stdin: 'fifo:///in?hold=no&end=veof', stdout: 'fifo:///a%3Fb?no-reader=hangup' };
  const stdio = terminal(ours.stdin, ours.stdout);
  assert.deepEqual(stdio, {
    kind: 'terminal',
    stdin: '/in',
    holdStdin: false,
    stdinEnd: 'veof',
    stdout: { kind: 'fifo', path: '/a?b' },
    noReader: 'hangup',
    log: undefined,
  });
});

/** Some of them are URIs, or almost. */
const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(
      fc.constantFrom('fifo', 'file', 'binary', 'binary-v2', 'json-file', 'cri', 'FILE', 'http', ''),
      fc.array(fc.oneof(fc.constantFrom('/', '?', '#', '&', '=', '%', '%2', '%zz', '%ff', '%00', '+'), fc.string())),
    )
    .map(([scheme, parts]) => `${scheme}:///${parts.join('')}`),
);

test('any URI is refused by the one error, or is understood', () => {
  fc.assert(
    fc.property(words, words, words, words, fc.boolean(), (stdin, stdout, stderr, log, terminal) => {
      const request = { terminal, stdin, stdout, stderr };
      try {
        assert.equal(readStdio(request, place, log).kind, terminal ? 'terminal' : 'pipes');
      } catch (error) {
        if (!(error instanceof TermshimError)) throw error;
        assert.match(error.code, /^ERR_(STDIO_INVALID|LOG_OPTION)$/);
      }
    }),
    { numRuns: 2000 },
  );
});

const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0'));

test('a driver with any name and any arguments is started with them', () => {
  fc.assert(
    fc.property(fc.array(text), fc.array(fc.tuple(text, text)), (names, pairs) => {
      const escape = encodeURIComponent;
      const query = pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
      const target = stdoutOf(`binary:///${names.map(escape).join('/')}?${query}`);
      assert.ok(target?.kind === 'driver');
      assert.deepEqual([target.program, target.args], [`/${names.join('/')}`, pairs.flat()]);
    }),
  );
});
