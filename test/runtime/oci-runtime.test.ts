/**
 * A runtime may refuse, die, hang, be missing, or leave a process behind that holds everything it inherited. Fixture
 * programs do each of these; every call must settle soon with the right error, and leave neither a file nor a running
 * program. The private files are below XDG_RUNTIME_DIR, which is the test's own directory.
 */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findRuntime } from '../../src/runtime/find-runtime.js';
import { ociRuntime, type OciRuntimeOptions } from '../../src/runtime/oci-runtime.js';
import { callRuntime } from '../../src/runtime/runtime-call.js';
import { TermshimError } from '../../src/errors/errors.js';
import { assertNoDescriptorLeak } from '../helpers/base/descriptors.js';
import { processState } from '../helpers/base/process-state.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/runtimes/${name}`, import.meta.url));

/** The runtime that runs a fixture, and a directory in which the calls' private files stand. */
function setUp(t: TestContext, name: string, args: string[] = [], options: Partial<OciRuntimeOptions> = {}) {
  const directory = temporaryDirectory(t);
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = directory;
  t.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  const assertNothingLeft = (): void => assert.deepEqual(readdirSync(join(directory, 'termshim')), []);
  const runtime = ociRuntime({ command: [fixture(name), ...args], name: 'runc', ...options });
  return { runtime, directory, assertNothingLeft };
}

const create = { bundle: '/bundle' };

test('OciRuntime passes globals, verb and options in the order that runtimes expect', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { root: '/root', systemdCgroup: true };
  const { runtime, assertNothingLeft } = setUp(t, 'runtime-that-records-its-arguments', [directory], options);
  const recorded = (): string[] => {
    const words = readFileSync(join(directory, 'arguments'), 'utf8').trimEnd().split('\n');
    const [root, log, path = '', ...rest] = [words.splice(0, 2), ...words];
    assert.deepEqual([root, log, existsSync(path)], [['--root', '/root'], '--log', false]);
    assert.deepEqual(rest.splice(0, 3), ['--log-format', 'json', '--systemd-cgroup']);
    return rest;
  };
  await runtime.create('c', { ...create, consoleSocket: '/s' });
  assert.deepEqual(recorded(), ['create', '--bundle', '/bundle', '--console-socket', '/s', 'c']);
  await runtime.start('c');
  assert.deepEqual(recorded(), ['start', 'c']);
  await runtime.kill('c', 'SIGTERM', { all: true });
  assert.deepEqual(recorded(), ['kill', '--all', 'c', 'SIGTERM']);
  await runtime.delete('c');
  assert.deepEqual(recorded(), ['delete', 'c']);
  assert.equal(await runtime.exec('c', { processFile: '/p', detach: true }), 0);
  assert.deepEqual(recorded(), ['exec', '--process', '/p', '--detach', 'c']);
  await runtime.pause('c');
  assert.deepEqual(recorded(), ['pause', 'c']);
  await runtime.resume('c');
  assert.deepEqual(recorded(), ['resume', 'c']);
  await runtime.update('c', { pids: { limit: 7 } });
  assert.deepEqual(recorded(), ['update', '--resources=-', 'c']);
  assert.equal(readFileSync(join(directory, 'stdin'), 'utf8'), '{"pids":{"limit":7}}');
  assertNothingLeft();
});

test('a runtime inherits the environment, but not the variable by which its caller reports to a supervisor', async (t) => {
  const path = join(temporaryDirectory(t), 'environment');
  const { runtime } = setUp(t, '', [], { command: ['/bin/sh', '-c', `env >${path}`] });
  process.env['NOTIFY_SOCKET'] = '/run/systemd/notify';
  t.after(() => delete process.env['NOTIFY_SOCKET']);
  await runtime.start('c');
  const environment = readFileSync(path, 'utf8');
  assert.match(environment, /^PATH=/m);
  assert.doesNotMatch(environment, /^NOTIFY_SOCKET=/m);
});

const deletions: [what: string, plain: string, force: boolean, calls: string[], failure: string | undefined][] = [
  ['what has ended plainly, whatever was asked for', 'exit 0', true, ['delete c'], undefined],
  ['what runs by force', 'exit 1', true, ['delete c', 'delete --force c'], undefined],
  ['by force what killed the runtime', 'kill -s SEGV $$', true, ['delete c', 'delete --force c'], undefined],
  ['nothing by force unless asked to', 'exit 1', false, ['delete c'], 'ERR_RUNTIME_FAILED'],
  ['once where the runtime hangs', 'exec sleep 1000', true, ['delete c'], 'ERR_RUNTIME_TIMEOUT'],
];

for (const [what, plain, force, calls, failure] of deletions) {
  test(`OciRuntime deletes ${what}`, async (t) => {
    const recorded = join(temporaryDirectory(t), 'calls');
    const script = `shift 4; echo "$@" >>${recorded}; [ "$2" = --force ] || ${plain}`;
    const { runtime, assertNothingLeft } = setUp(t, '', [], {
      command: ['/bin/sh', '-c', script, 'sh'],
      timeoutMs: 1000,
    });
    const deleting = runtime.delete('c', { force });
    await (failure === undefined ? deleting : assert.rejects(deleting, { code: failure }));
    assert.deepEqual(readFileSync(recorded, 'utf8').split('\n').slice(0, -1), calls);
    assertNothingLeft();
  });
}

test('OciRuntime reads the answers of state, ps and features', async (t) => {
  const answering = (text: string) => setUp(t, 'runtime-that-answers', [text]).runtime;
  const state = { ociVersion: '1.0.2', id: 'c', status: 'created', pid: 7, bundle: '/b', annotations: {} };
  assert.deepEqual(await answering(JSON.stringify(state)).state('c'), state);
  assert.deepEqual(await answering('[7, 8]').ps('c'), [7, 8]);
  assert.deepEqual(await answering('null').ps('c'), []);
  assert.deepEqual(await answering('{"type":"stats","id":"c","data":{"cpu":1}}').events('c'), { cpu: 1 });
  const unclear = { code: 'ERR_RUNTIME_FAILED', message: /^runc \w+ failed: cannot understand its answer$/ };
  for (const text of ['', 'null', '{}', '7', '[1.5]', '{']) {
    if (text !== 'null') await assert.rejects(answering(text).ps('c'), unclear);
    await assert.rejects(answering(text).state('c'), unclear);
    await assert.rejects(answering(text).events('c'), unclear);
  }
});

const failures: [name: string, code: string, message: string][] = [
  ['runtime-that-fails-with-json-log', 'ERR_RUNTIME_FAILED', 'runc create failed: no such kernel'],
  ['runtime-that-fails-on-stderr', 'ERR_RUNTIME_FAILED', 'runc create failed: unknown flag: --log see --help'],
  ['runtime-that-fails-silently', 'ERR_RUNTIME_FAILED', 'runc create failed: exit status 7, without a message'],
  ['runtime-that-dies', 'ERR_RUNTIME_DIED', 'runc create was killed by SIGSEGV; it said: about to die'],
];

for (const [name, code, message] of failures) {
  test(`OciRuntime reports a ${name}`, async (t) => {
    const { runtime, assertNothingLeft } = setUp(t, name);
    await assert.rejects(runtime.create('c', create), { code, message });
    assertNothingLeft();
  });
}

/** Notes the pid of the process that it made, if it made one. */
const withPid = 'while [ "$1" != --pid-file ]; do shift; done; echo 1 >"$2"; ';

test('the status of a foreground exec is returned if there was a process and the log has no error', async (t) => {
  const exec = { processFile: '/p', stdio: ['ignore', 'ignore', 'ignore'] } as const;
  const running = (script: string) => setUp(t, '', [], { command: ['/bin/sh', '-c', script, 'sh'] });
  const { runtime, assertNothingLeft } = running(`${withPid}exit 7`);
  assert.equal(await runtime.exec('c', exec), 7);
  const pidFile = join(temporaryDirectory(t), 'pid');
  assert.equal(await runtime.exec('c', { ...exec, pidFile }), 7);
  assert.equal(readFileSync(pidFile, 'utf8'), '1\n');
  await assert.rejects(runtime.exec('c', { ...exec, pidFile, detach: true }), { code: 'ERR_RUNTIME_FAILED' });
  assertNothingLeft();
  const silent = { code: 'ERR_RUNTIME_FAILED', message: 'runc exec failed: exit status 1, without a message' };
  // The file is there from the call before.
  for (const more of [{}, { pidFile }])
    await assert.rejects(running('exit 1').runtime.exec('c', { ...exec, ...more }), silent);
  const failing = setUp(t, 'runtime-that-fails-with-json-log');
  await assert.rejects(failing.runtime.exec('c', exec), { message: 'runc exec failed: no such kernel' });
});

test('an error has the reason of a log with entries of several lines, and no status of a process', async (t) => {
  const exec = { processFile: '/p', stdio: ['ignore', 'ignore', 'ignore'] } as const;
  const failing = setUp(t, 'runtime-that-logs-over-several-lines');
  const reason = { code: 'ERR_RUNTIME_FAILED', message: 'runc exec failed: the container `c` is not running' };
  await assert.rejects(failing.runtime.exec('c', exec), reason);
  await assert.rejects(failing.runtime.exec('c', { ...exec, detach: true }), reason);
  failing.assertNothingLeft();
});

test('OciRuntime reads a bounded part of the output and the answers of a runtime', async (t) => {
  const log = `while [ "$1" != --log ]; do shift; done; yes '{"level":"info","msg":"x"}' | head -c 30000000 >"$2"; `;
  const entry = `echo '\n{"level":"error","msg":"the reason"}' >>"$2"; `;
  const answer = `printf '['; yes '1,' | head -c 30000000; printf '1]'; `;
  const running = (script: string) => setUp(t, '', [], { command: ['/bin/sh', '-c', script, 'sh'] }).runtime;
  const before = process.memoryUsage.rss();
  await assert.rejects(running(`${log}${entry}exit 1`).start('c'), { message: 'runc start failed: the reason' });
  await assert.rejects(running(answer).ps('c'), { message: 'runc ps failed: cannot understand its answer' });
  assert.ok(process.memoryUsage.rss() - before < 25_000_000, 'it was read whole');
});

test('a runtime inherits the caller’s descriptors', async (t) => {
  const { runtime, directory } = setUp(t, 'runtime-that-fails-on-stderr');
  const path = join(directory, 'stderr');
  const fd = openSync(path, 'w');
  const failing = runtime.create('c', { ...create, stdio: ['ignore', 'ignore', fd] });
  await assert.rejects(failing, { message: 'runc create failed: exit status 3, without a message' });
  closeSync(fd);
  assert.equal(readFileSync(path, 'utf8'), 'unknown flag: --log\nsee --help\n');
});

test('a call does not wait for a container that holds inherited descriptors', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const { runtime, assertNothingLeft } = setUp(t, 'runtime-that-leaves-a-container', [file]);
  await within(runtime.create('c', create), 'create to settle');
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  assertNothingLeft();
});

test("a runtime runs in its own session, so ^C or a hang-up of the user's terminal does not kill it", async (t) => {
  const file = join(temporaryDirectory(t), 'session');
  const { runtime, assertNothingLeft } = setUp(t, 'runtime-that-records-its-session', [file]);
  await runtime.start('c');
  const ownSession = readFileSync('/proc/self/stat', 'utf8').split(' ')[5];
  assert.notEqual(readFileSync(file, 'utf8').trim(), ownSession);
  assertNothingLeft();
});

const isGone = (pid: number): boolean => !existsSync(`/proc/${pid}`);

/** This process does not wait for its exit. */
const isZombie = (pid: number): boolean => processState(pid) === 'Z';

const pidIn = (path: string): number | undefined =>
  existsSync(path) ? Number(readFileSync(path, 'utf8')) || undefined : undefined;

test('a runtime that hangs is killed after the time limit', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const { runtime, assertNothingLeft } = setUp(t, 'runtime-that-hangs', [file], { timeoutMs: 200 });
  const message = 'runc start did not finish within 200 ms and was killed; it printed no message';
  await assert.rejects(runtime.start('c'), { code: 'ERR_RUNTIME_TIMEOUT', message });
  assert.ok(isGone(Number(readFileSync(file, 'utf8'))));
  assertNothingLeft();
});

test('an abort kills the runtime and throws its reason', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const { runtime, assertNothingLeft } = setUp(t, 'runtime-that-hangs', [file]);
  const abort = new AbortController();
  const creating = runtime.create('c', { ...create, signal: abort.signal });
  await waitFor(() => existsSync(file), 'the runtime to run');
  const reason = new Error('enough');
  abort.abort(reason);
  await assert.rejects(creating, reason);
  assert.ok(isGone(Number(readFileSync(file, 'utf8'))));
  assertNothingLeft();
  await assert.rejects(runtime.create('c', { ...create, signal: abort.signal }), reason);
});

/** Does its work by a helper, whose pid is in `helper`, cleans up when that has ended, and then says why. */
const helped = (directory: string, afterwards: string): string[] => [
  '/bin/sh',
  '-c',
  `sleep 1000 & echo $! >${directory}/helper; { wait $!; } 2>/dev/null; echo >${directory}/cleaned; ${afterwards}`,
];

const restoring = { bundle: '/bundle', imagePath: '/images' };

test('an abort of a restore ends its helpers and lets the runtime clean up', async (t) => {
  const directory = temporaryDirectory(t);
  const { runtime, assertNothingLeft } = setUp(t, '', [], {
    command: helped(directory, 'echo criu failed >&2; exit 1'),
  });
  const abort = new AbortController();
  const restore = runtime.restore('c', { ...restoring, signal: abort.signal });
  const helper = await waitFor(() => pidIn(`${directory}/helper`), 'the helper');
  const reason = new TermshimError('ERR_RUNTIME_TIMEOUT', 'given up');
  abort.abort(reason);
  const message = 'given up; runc said: criu failed';
  await assert.rejects(restore, { code: 'ERR_RUNTIME_TIMEOUT', message });
  assert.ok(isGone(helper));
  assert.ok(existsSync(`${directory}/cleaned`));
  assertNothingLeft();
});

test('the time limit of a restore ends its helpers, and a runtime that still hangs is killed with its processes', async (t) => {
  const outcomes: [afterwards: string, words: string][] = [
    ['echo criu failed >&2; exit 1', 'it said: criu failed'],
    ['exit 0', 'it printed no message'],
    [`sleep 1000 & echo $! >helper; exec sleep 1000`, 'it printed no message'],
  ];
  for (const [afterwards, words] of outcomes) {
    const directory = temporaryDirectory(t);
    const [program = '', ...args] = helped(directory, afterwards.replace('>helper', `>${directory}/helper`));
    const call = { name: 'runc', globals: {}, verb: 'restore', args: [], timeoutMs: 300, killed: 'helpers' } as const;
    const message = `runc restore did not finish within 300 ms and was killed; ${words}`;
    await assert.rejects(callRuntime({ ...call, command: [program, ...args] }), {
      code: 'ERR_RUNTIME_TIMEOUT',
      message,
    });
    assert.ok(existsSync(`${directory}/cleaned`));
    const last = pidIn(`${directory}/helper`) ?? 0;
    await waitFor(() => isGone(last) || isZombie(last), 'the last helper to be killed');
  }
});

test('a foreground exec has no time limit', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const { runtime } = setUp(t, 'runtime-that-hangs', [file], { timeoutMs: 1 });
  const abort = new AbortController();
  const exec = runtime.exec('c', { processFile: '/p', signal: abort.signal });
  await waitFor(() => existsSync(file), 'the runtime to run');
  abort.abort(new Error('enough'));
  await assert.rejects(exec, /enough/);
});

test('the error names a program that is missing or cannot be executed', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'runtime');
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
  const code = 'ERR_RUNTIME_NOT_FOUND';
  const calling = (program: string) => {
    const { runtime, assertNothingLeft } = setUp(t, 'unused', [], { command: [program], name: undefined });
    return runtime.state('c').finally(assertNothingLeft);
  };
  await assert.rejects(calling(`${file}2`), {
    code,
    message: `cannot run the runtime ${file}2: no such file or directory (ENOENT)`,
  });
  await assert.rejects(calling(file), { code, message: `cannot run the runtime ${file}: permission denied (EACCES)` });
  await assert.rejects(calling(directory), { code });
  await assert.rejects(calling(join(file, 'x')), { code, message: /ENOTDIR/ });
});

test('a runtime that was moved is found again by its own name, and by no other', async (t) => {
  const [first, second] = [temporaryDirectory(t), temporaryDirectory(t)];
  const path = process.env['PATH'];
  t.after(() => {
    process.env['PATH'] = path;
  });
  process.env['PATH'] = `${first}:${second}:${path}`;
  const place = (directory: string, answer: string): string => {
    const file = join(directory, 'moving-runtime');
    writeFileSync(file, `#!/bin/sh\necho '[${answer}]'\n`, { mode: 0o755 });
    return file;
  };
  const [here, there] = [place(first, '1'), place(second, '2')];
  const found = findRuntime('moving-runtime', { isBundleGiven: true });
  const { runtime } = setUp(t, '', [], found);
  const byPath = setUp(t, '', [], { ...found, name: here }).runtime;
  assert.deepEqual(found.command, [here]);
  assert.deepEqual(await runtime.ps('c'), [1]);
  rmSync(here);
  assert.deepEqual(await runtime.ps('c'), [2]);
  const gone = {
    code: 'ERR_RUNTIME_NOT_FOUND',
    message: `cannot run the runtime ${here}: no such file or directory (ENOENT)`,
  };
  await assert.rejects(byPath.ps('c'), gone);
  rmSync(there);
  await assert.rejects(runtime.ps('c'), gone);
  place(first, '3');
  assert.deepEqual(await runtime.ps('c'), [3]);
});

test('a call closes every descriptor that it opened', async (t) => {
  const good = setUp(t, 'runtime-that-answers', ['[]']);
  const bad = setUp(t, 'runtime-that-fails-with-json-log');
  await assertNoDescriptorLeak(async () => {
    await good.runtime.ps('c');
    await assert.rejects(bad.runtime.update('c', {}));
    await assert.rejects(ociRuntime({ command: ['/nonexistent'] }).start('c'));
  });
});
