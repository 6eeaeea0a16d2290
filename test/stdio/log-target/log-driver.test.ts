/*
 * A log driver is a program that gets the output of a container. What could break: a driver inherits descriptors that
 * are not its own, or is treated as ready too early; one that is never ready keeps the container waiting without an
 * error; one that dies loses output, blocks the process or breaks its pipe; one that does not end delays the exit. The
 * drivers are shell scripts that do each of these, and the process counts, so missing output is noticed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backgroundDone } from '../../../src/async/background.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { keeping, startTestDriver } from '../../helpers/log/test-driver.js';
import { processState } from '../../helpers/base/process-state.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

leakTest('a driver has its two variables, its arguments, and three additional descriptors', async (scope) => {
  const env = { CONTAINER_ID: 'c', CONTAINER_NAMESPACE: 'n' };
  const facts = `tr '\\0' '\\n' </proc/$$/environ >env; printf '%s\\n' "$@" >args`;
  const driver = await startTestDriver(scope, `${facts}; ${keeping}`, { env, args: ['b', '1', 'a', ''] });
  assert.equal(driver.read('env'), 'CONTAINER_ID=c\nCONTAINER_NAMESPACE=n\n');
  assert.equal(driver.read('args'), 'b\n1\na\n\n');

  const list = join(temporaryDirectory(scope), 'fds');
  const script = `ls /proc/$$/fd >${list}`;
  const descriptors = (): string[] => readFileSync(list, 'utf8').trim().split('\n').toSorted();
  execFileSync('sh', ['-c', script], { stdio: 'ignore' });
  const usual = descriptors();
  await startTestDriver(scope, '', { program: '/bin/sh', args: ['-c', `${script}; exec 5>&-; exec sleep 100`] });
  assert.deepEqual(descriptors(), [...usual, '3', '4', '5'].toSorted());
});

leakTest('a driver gets stdout and stderr apart, and their end', async (scope) => {
  const driver = await startTestDriver(scope, `${keeping}; echo end >>out`);
  await driver.run('seq 100000; echo wrong >&2');
  await within(driver.logTarget.done, 'the end of the driver');
  const out = driver.read('out');
  assert.equal(out.length, 588_895 + 4);
  assert.ok(out.endsWith('100000\nend\n'));
  assert.equal(driver.read('err'), 'wrong\n');
  assert.deepEqual(driver.faults, []);
});

leakTest('a driver of binary-v2 reports by a byte that it is ready', async (scope) => {
  const driver = await startTestDriver(scope, `printf x >&5; ${keeping}`, { readySign: 'byte' });
  await driver.run('echo hello');
  await within(driver.logTarget.done, 'the end of the driver');
  assert.equal(driver.read('out'), 'hello\n');
});

const failures = [
  [
    'dies before it is ready',
    'echo first >&2; echo no disk >&2; exit 3',
    {},
    /ended before it was ready: exit status 3; it said: no disk$/,
  ],
  ['is killed before it is ready', 'kill -9 $$', {}, /ended before it was ready: SIGKILL$/],
  ['dies before its byte', 'exit 0', { readySign: 'byte' }, /ended before it was ready: exit status 0$/],
  [
    'closes 5 without its byte',
    'exec 5>&-; exec sleep 100',
    { readySign: 'byte' },
    /closed descriptor 5 without writing a byte/,
  ],
  [
    'is not there',
    '',
    { program: '/nonexistent/driver' },
    /cannot run the log driver \/nonexistent\/driver: no such file/,
  ],
  ['is no program', '', { program: '/etc/passwd' }, /cannot run the log driver \/etc\/passwd: permission denied/],
] as const;

for (const [name, script, more, message] of failures) {
  leakTest(`a driver that ${name} causes an error with the reason`, async (scope) => {
    await assert.rejects(startTestDriver(scope, script, more), { code: 'ERR_LOG_DRIVER_FAILED', message });
  });
}

leakTest('a driver that is never ready is killed, and the error has its output', async (scope) => {
  const script = 'echo $$ looking for a disk >&2; trap "" TERM; while :; do sleep 0.05; done';
  const begun = performance.now();
  const failure = await startTestDriver(scope, script, { readyTimeoutMs: 500 }).then(
    () => assert.fail('it was called ready'),
    (error: Error & { code: string }) => error,
  );
  assert.ok(performance.now() - begun < 3000);
  assert.equal(failure.code, 'ERR_LOG_DRIVER_TIMEOUT');
  const [, pid] = /DRIVER was not ready within 0.5 s; it said: (\d+) looking for a disk$/.exec(failure.message) ?? [];
  await waitFor(() => processState(Number(pid)) === undefined, 'the driver to be reaped');
});

const aThird = 'head -c 200000 <&3 >>out; exit 7';

leakTest('a driver that dies in a flood is replaced, and the next goes on where it stopped', async (scope) => {
  const driver = await startTestDriver(scope, `exec 5>&-; [ -e out ] && exec cat <&3 >>out; ${aThird}`);
  await within(driver.run('seq 100000'), 'the process', 10_000);
  await within(driver.logTarget.done, 'the end of the driver');
  // A read that was cut short by the death of its reader is lost with it: head read more than it wrote.
  assert.ok(driver.read('out').endsWith('\n99999\n100000\n'));
  assert.deepEqual(driver.faults, [
    'the log driver DRIVER ended before the output had ended: exit status 7; it is started again',
  ]);
});

leakTest('a driver that dies is not replaced if that is configured, and its bytes are counted', async (scope) => {
  const driver = await startTestDriver(scope, `exec 5>&-; ${aThird}`, { onDeath: 'discard' });
  await within(driver.run('seq 1000000'), 'the process', 10_000);
  await within(driver.logTarget.done, 'the end of the log target');
  const [first, second, ...others] = driver.faults;
  assert.match(first ?? '', /exit status 7; the output is discarded from now on$/);
  const [, bytes] =
    /^(\d+) bytes of output were discarded after the log driver DRIVER had ended$/.exec(second ?? '') ?? [];
  assert.ok(Number(bytes) > 6_000_000, second);
  assert.deepEqual(others, []);
});

leakTest('no driver is started after several have died immediately', async (scope) => {
  const driver = await startTestDriver(scope, 'echo $$ >>pids; exec 5>&-; read line <&3; exit 1');
  await within(driver.run('yes | head -c 2000000'), 'the process', 20_000);
  await within(driver.logTarget.done, 'the end of the log target');
  assert.equal(driver.read('pids').split('\n').length - 1, 6);
  assert.equal(driver.faults.filter((it) => it.endsWith('it is started again')).length, 5);
  assert.match(driver.faults.at(-2) ?? '', /the output is discarded from now on$/);
});

leakTest('a driver that replaces another and is never ready counts as dead', async (scope) => {
  const script = '[ -e out ] && exec sleep 100; exec 5>&-; echo >out; read line <&3; exit 1';
  const driver = await startTestDriver(scope, script, { readyTimeoutMs: 500 });
  await within(driver.run('yes | head -c 2000000'), 'the process', 20_000);
  await within(driver.logTarget.done, 'the end of the log target');
  assert.equal(driver.faults.filter((it) => it.includes('was not ready within 0.5 s')).length, 5);
});

leakTest('a driver that ran for a long time resets the count of deaths', async (scope) => {
  const script = '[ -e out ] && exit 1; exec 5>&-; echo >out; sleep 0.2; exit 1';
  const driver = await startTestDriver(scope, script, { provenAfterMs: 100 });
  await within(driver.run('yes | head -c 2000000'), 'the process', 20_000);
  await within(driver.logTarget.done, 'the end of the log target');
  assert.equal(driver.faults.filter((it) => it.endsWith('it is started again')).length, 5);
});

leakTest('a driver that does not end gets SIGTERM, and is then killed', async (scope) => {
  const script = 'trap "echo term >>out" TERM; echo $$ >pid; exec 5>&-; while :; do sleep 0.05; done';
  const driver = await startTestDriver(scope, script, { finishTimeoutMs: 100 });
  await driver.run('echo unread');
  await within(driver.logTarget.done, 'the end of the driver');
  assert.equal(driver.read('out'), 'term\n');
  assert.match(driver.faults.join(), /ended before the output had ended: SIGKILL$/);
  assert.equal(processState(Number(driver.read('pid'))), undefined);
});

leakTest('a driver gets the output of a background process as long as that writes', async (scope) => {
  const driver = await startTestDriver(scope, 'exec cat <&3 >>out 5>&-', { finishTimeoutMs: 50 });
  await driver.run('(sleep 0.5; echo late) & echo last');
  await within(driver.ended(), 'what was written before', 400);
  await waitFor(() => driver.read('out') === 'last\n', 'the last words of the process');
  await within(driver.logTarget.done, 'the end of the log target');
  assert.equal(driver.read('out'), 'last\nlate\n');
  assert.deepEqual(driver.faults, []);
});

leakTest('close drops the output of a background process, which is not killed by it', async (scope) => {
  const driver = await startTestDriver(scope, 'exec cat <&3 >>out 5>&-');
  await driver.run('(while [ ! -e go ]; do sleep 0.02; done; seq 100000; echo $? >status) & echo last');
  await within(driver.ended(), 'what was written before', 1000);
  driver.logTarget.close();
  await within(backgroundDone(), 'the end of the driver');
  writeFileSync(driver.path('go'), '');
  assert.equal(await waitFor(() => driver.read('status') || undefined, 'its status'), '0\n');
  assert.equal(driver.read('out'), 'last\n');
});

leakTest('close returns at once, and stops the driver', async (scope) => {
  const driver = await startTestDriver(
    scope,
    'trap "echo term >>out; exit" TERM; exec 5>&-; while :; do sleep 0.02; done',
  );
  driver.logTarget.close();
  await within(driver.logTarget.done, 'the log target to be done', 1000);
  await waitFor(() => driver.read('out') === 'term\n', 'the driver to be stopped');
});

leakTest('the daemon waits for a driver that ignores its end before it ends itself', async (scope) => {
  const driver = await startTestDriver(scope, 'trap "" TERM; echo $$ >pid; exec 5>&-; while :; do sleep 0.02; done');
  driver.logTarget.close();
  await within(backgroundDone(), 'the end of the driver');
  assert.equal(processState(Number(driver.read('pid'))), undefined);
});
