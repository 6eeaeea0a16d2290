/**
 * `ctr run --log-uri` runs with termshim and with containerd's own shim, with the same log drivers. What could break:
 * the two shims write different logs for the same program; or a log driver that is never ready, dies or does not read
 * stops the container, or stays behind. Only termshim logs beside a client: through a detach, a killed client, and a
 * containerd that is killed and restarted, that log must have every byte, once and in order.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../../src/package.js';
import { runOnPty } from '../../helpers/sessions/pty-command.js';
import { type Containerd, startContainerd } from '../../helpers/shim/containerd.js';
import { hasStatus } from '../../helpers/shim/ctr.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { outputOf, readGrowingLog, readLog } from '../../helpers/log/log-entries.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { daemonsOf, runcShimPath } from '../../helpers/shim/shims.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { sleepsIn } from '../../helpers/base/process-state.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

const driverPath = join(packageRoot, 'bin/termshim-log-driver');

/** `ctr run -d` with a log, which makes no FIFO. */
function runLogged(testbed: Testbed, shim: string, id: string, uri: string, script: string): string[] {
  const flags = ['-d', '--log-uri', uri, '--runtime', shim, '--rootfs'];
  return ['run', ...flags, testbed.rootfs, id, '/bin/sh', '-c', script];
}

async function remove(containerd: Containerd, id: string): Promise<void> {
  await hasStatus(containerd, id, 'STOPPED');
  await containerd.ctr('tasks', 'rm', id);
  await containerd.ask('containers', 'rm', id);
}

/** Lines of any length, bytes that are no UTF-8, both streams, and no line end at the end. */
const program = [
  'seq 5000',
  'echo wrong >&2',
  "head -c 50000 /dev/zero | tr '\\0' x; echo",
  "printf 'a\\0b\\377\\303\\n\\342\\202\\254 \\033[31m<&>\"\\\\\\n'",
  'printf end >&2',
  'printf end',
].join('; ');

for (const [name, uriOf] of [
  ['binary', (log: string) => `binary://${driverPath}?log-path=${log}&max-size=10m&max-file=3`],
  ['file', (log: string) => `file://${log}`],
] as const) {
  test(`${name}: termshim and containerd's shim write the same log`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const containerd = await startContainerd(testbed);
    const contents: unknown[] = [];
    for (const shim of [runcShimPath, shimPath]) {
      const id = testbed.newId();
      const log = testbed.path(`${id}.log`);
      // In a file containerd's shim has the two in any order.
      const script = name === 'file' ? program.replaceAll(' >&2', '') : program;
      await containerd.ask(...runLogged(testbed, shim, id, uriOf(log), script));
      await remove(containerd, id);
      // containerd's shim lets the driver have its end with Delete.
      await waitFor(
        () => !testbed.processes().some(({ commandLine }) => commandLine.includes(log)),
        'the driver to end',
      );
      if (name === 'file') {
        contents.push(readFileSync(log));
      } else {
        const entries = readLog('json-file', log);
        contents.push(['stdout', 'stderr'].map((stream) => outputOf(entries, stream).toString('latin1')));
      }
    }
    assert.deepEqual(contents[1], contents[0]);
    assert.ok(JSON.stringify(contents[1]).length > 70_000);
  });
}

test('the daemon writes the formats json-file and cri', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  for (const format of ['json-file', 'cri'] as const) {
    const id = testbed.newId();
    const log = testbed.path(`${id}.log`);
    await containerd.ask(...runLogged(testbed, shimPath, id, `${format}://${log}`, program));
    await remove(containerd, id);
    const text = outputOf(readLog(format, log), 'stdout').toString('latin1');
    assert.match(text, /^1\n2\n[^]*\n5000\nx{50000}\n[^]*\nend$/);
  }
});

const drivers = {
  'never ready': ['exec sleep 1000', /log driver \S+ was not ready within 10 s/],
  'dead before it is ready': ['echo no disk >&2; exit 3', /ended before it was ready: exit status 3; it said: no disk/],
} as const;

for (const [name, [script, message]] of Object.entries(drivers)) {
  test(`ctr reports the reason, and nothing stays, if a log driver is ${name}`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const containerd = await startContainerd(testbed);
    const id = testbed.newId();
    const uri = `binary://${writeProgram(testbed, 'driver', script)}`;
    const { stderr, status } = await containerd.ctr(...runLogged(testbed, shimPath, id, uri, 'true'));
    assert.match(stderr, message);
    assert.equal(status, 1);
    // What ctr has made in containerd it leaves there.
    await containerd.ask('containers', 'rm', id);
  });
}

test('a log driver that dies in a flood is replaced by one that gets the rest, or by none', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const keep = await startKeeper(testbed, containerd);
  const before = daemonDescriptors(testbed);
  for (const onExit of ['restart', 'discard']) {
    const id = testbed.newId();
    const out = testbed.path(`${id}.out`);
    const script = `exec 5>&-; [ -e '${out}' ] && exec cat <&3 >>'${out}'; head -c 100000 <&3 >>'${out}'; exit 7`;
    const uri = `binary://${writeProgram(testbed, `${onExit}-driver`, script)}#on-exit=${onExit}`;
    await containerd.ask(...runLogged(testbed, shimPath, id, uri, 'seq 200000; exit 5'));
    await hasStatus(containerd, id, 'STOPPED');
    assert.match((await containerd.ctr('tasks', 'rm', id)).stderr, /exit code 5/);
    await containerd.ask('containers', 'rm', id);
    assert.match(containerd.log(), onExit === 'restart' ? /it is started again/ : /output were discarded after/);
    assert.equal(readFileSync(out, 'utf8').endsWith('\n200000\n'), onExit === 'restart');
  }
  await waitFor(() => daemonDescriptors(testbed).length === before.length, 'the descriptors to be as before');
  assert.deepEqual(daemonDescriptors(testbed), before);
  await keep.remove();
});

test('a container waits for a log driver that reads a byte a second, and can be killed and deleted', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const slow = writeProgram(testbed, 'slow', 'exec 5>&-; while head -c 1 <&3 >/dev/null; do sleep 1; done');
  await containerd.ask(...runLogged(testbed, shimPath, id, `binary://${slow}`, 'exec yes'));
  const pid = pidOf(testbed, ['yes']);
  await waitFor(() => sleepsIn(pid, /pipe_write/), 'the container to wait');
  await containerd.ask('tasks', 'kill', '--signal', 'KILL', id);
  await within(remove(containerd, id), 'the end', 30_000);
});

test('a log beside a terminal is complete after a detach, an attach, and kill -9 of the client and of containerd', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed, { ...testbed.env, TERMSHIM_LOG_ANNOTATION: testbed.directory });
  const id = testbed.newId();
  const log = testbed.path('log');
  const script = 'stty -echo; echo up; while read -r n; do seq $n; echo "got $n"; [ $n = 9 ] && exit 9; done';
  const flags = ['-d', '-t', '--annotation', `io.termshim.log=json-file://${log}`, '--fifo-dir', testbed.path('fifos')];
  const command = ['run', ...flags, '--runtime', shimPath, '--rootfs', testbed.rootfs, id, '/bin/sh', '-c', script];
  assert.equal((await runOnPty(testbed, containerd.command(...command))).status, 0);
  const text = (): string => outputOf(readGrowingLog('json-file', log), 'stdout').toString();
  await waitFor(() => existsSync(log) && text() === 'up\r\n', 'the log');
  let expected = 'up\r\n';
  const says = (n: number): void => {
    expected += Array.from({ length: n }, (_, i) => `${i + 1}\r\n`).join('');
    expected += `got ${n}\r\n`;
  };

  const first = openTerminal(testbed, containerd.command('tasks', 'attach', id));
  first.type('20000\n');
  await first.expect('got 20000\r');
  says(20_000);
  // It is killed while there is output on its way to it.
  first.type('30000\n');
  await first.expect('\n15000\r');
  process.kill(pidOf(testbed, ['tasks', 'attach', id]), 'SIGKILL');
  await within(first.exited, 'the end of the client');
  says(30_000);
  await waitFor(() => text() === expected, 'the log to have all without a client');

  await containerd.kill();
  await containerd.start();
  const second = openTerminal(testbed, containerd.command('tasks', 'attach', id));
  second.type('9\n');
  await second.expect('got 9\r');
  says(9);
  assert.equal(await within(second.exited, 'the end of the attach'), 9);
  assert.ok(text() === expected, `the log ends with ${JSON.stringify(text().slice(-200))}`);
  await containerd.ask('containers', 'rm', id);
});

test('a log beside pipes has the same output as the client of run', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed, { ...testbed.env, TERMSHIM_LOG_ANNOTATION: 'any' });
  const id = testbed.newId();
  const log = testbed.path('log');
  const flags = ['--rm', '--annotation', `io.termshim.log=cri://${log}`, '--fifo-dir', testbed.path('fifos')];
  const script = 'seq 50000; echo wrong >&2; exit 3';
  const command = ['run', ...flags, '--runtime', shimPath, '--rootfs', testbed.rootfs, id, '/bin/sh', '-c', script];
  const { stdout, stderr, status } = await containerd.ctr(...command);
  assert.equal(status, 3);
  const entries = readLog('cri', log);
  assert.equal(outputOf(entries, 'stdout').toString(), stdout);
  assert.equal(outputOf(entries, 'stderr').toString(), stderr);
  assert.equal(stdout.length, 288_894);
});

test("a log by annotation starts and writes nothing unless containerd's environment permits it", {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const driver = writeProgram(testbed, 'driver', `touch ${testbed.path('owned')}; exec 5>&-; cat <&3 >/dev/null`);
  for (const [scheme, path] of [
    ['binary', driver],
    ['binary-v2', driver],
    ['file', testbed.path('owned')],
    ['json-file', testbed.path('owned')],
    ['cri', testbed.path('owned')],
  ]) {
    const id = testbed.newId();
    const flags = ['--rm', '--annotation', `io.termshim.log=${scheme}://${path}`, '--fifo-dir', testbed.path('fifos')];
    const { stderr, status } = await containerd.ctr(
      'run',
      ...flags,
      '--runtime',
      shimPath,
      '--rootfs',
      testbed.rootfs,
      id,
      'true',
    );
    assert.equal(status, 1);
    assert.match(stderr, /the annotation io.termshim.log is .*, but TERMSHIM_LOG_ANNOTATION is not set/);
  }
  assert.ok(!existsSync(testbed.path('owned')));
});

/** A container that keeps the daemon alive. */
async function startKeeper(testbed: Testbed, containerd: Containerd): Promise<{ remove(): Promise<void> }> {
  const id = testbed.newId();
  const uri = `file://${testbed.path('keeper.log')}`;
  await containerd.ask(...runLogged(testbed, shimPath, id, uri, 'exec sleep 1000'));
  return {
    async remove() {
      await containerd.ask('tasks', 'rm', '--force', id);
      await containerd.ask('containers', 'rm', id);
    },
  };
}

function daemonDescriptors(testbed: Testbed): string[] {
  const [pid = 0] = daemonsOf(testbed);
  return openDescriptors(pid)
    .map((it) => it.replace(/^\d+ -> /, '').replace(/\d+\]$/, 'N]'))
    .toSorted();
}

function pidOf(testbed: Testbed, words: readonly string[]): number {
  const found = testbed.processes().find(({ commandLine }) => commandLine.includes(words.join(' ')));
  assert.ok(found !== undefined, words.join(' '));
  return found.pid;
}
