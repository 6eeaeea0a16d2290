/**
 * `termshim recvtty` takes the place of runc's recvtty. What could break: scripts that were written for runc's find
 * other options, another order of events, or CR LF instead of LF; the null mode loses a console when several arrive at
 * the same time, or ends when a dialer sends something else. runc itself creates the containers; the test plays the
 * dialers that no runtime would be.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ChildProcess, spawn } from 'node:child_process';
import { type CommandResult, outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { type Connection, connectTo, offerConsole } from '../../helpers/copy/console-offer.js';
import { callRuntime, prepareContainer, startContainer } from '../../helpers/runtime/container.js';
import { missingFor, runtimeNames } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import type { GroupLeader } from '../../helpers/copy/process-group.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

interface RunningRecvtty {
  readonly child: ChildProcess;
  readonly socket: string;
  /** What it printed on stdout so far. */
  readonly shown: string;
  type(text: string): void;
  expect(text: string): Promise<void>;
  end(): Promise<CommandResult>;
}

/** Settles when it listens. It is killed at the end of the test. */
async function startRecvtty(testbed: Testbed, args: readonly string[] = []): Promise<RunningRecvtty> {
  const socket = testbed.path('console.sock');
  const child = spawn(termshimProgram, ['recvtty', ...args, socket], { env: testbed.env });
  testbed.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (data: Buffer) => {
    shown += data.toString('latin1');
  });
  child.stdin.on('error', () => {});
  const outcome = outcomeOf(child);
  await waitFor(() => isListening(socket), 'termshim recvtty to listen');
  return {
    child,
    socket,
    get shown() {
      return shown;
    },
    type: (text) => void child.stdin.write(text),
    async expect(text) {
      await waitFor(() => shown.includes(text), JSON.stringify(text)).catch((error: Error) => {
        throw new Error(`${error.message}; it printed ${JSON.stringify(shown)}`);
      });
    },
    end: () => within(outcome, 'the end of termshim recvtty'),
  };
}

/** A socket's file is there a moment before anybody can dial it; the flag in proc(5) says when. */
function isListening(path: string): boolean {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return sockets.some((line) => line.endsWith(` ${path}`) && line.split(' ')[3] === acceptsConnections);
}

const acceptsConnections = '00010000';

const session = ['sh', '-c', 'stty -echo; echo ready; read line; echo "got $line"'];

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);

  test(`${runtime}: recvtty in single mode copies one console, with LF for CR LF`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const recvtty = await startRecvtty(testbed);
    await startContainer(runtime, testbed, { args: session, consoleSocket: recvtty.socket });
    await recvtty.expect('ready\n');
    assert.equal(existsSync(recvtty.socket), false, 'another instance can listen at the same place now');
    recvtty.type('a line\n');
    const { stdout, stderr, status } = await recvtty.end();
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'ready\ngot a line\n', stderr: '', status: 0 });
  });

  test(`${runtime}: recvtty in null mode reads several consoles at once until it is killed`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const recvtty = await startRecvtty(testbed, ['--mode', 'null']);
    const done = runtime === 'pty' ? testbed.path('done') : '/tmp/done';
    const seen = runtime === 'pty' ? done : `${testbed.rootfs}${done}`;
    const script = 'seq 1 100000; trap "" HUP; echo >"$0-$1"; exec sleep 1000';
    for (const number of ['1', '2', '3']) {
      await startContainer(runtime, testbed, {
        args: ['sh', '-c', script, done, number],
        consoleSocket: recvtty.socket,
      });
    }
    await waitFor(() => ['1', '2', '3'].every((it) => existsSync(`${seen}-${it}`)), 'all output to be read');
    recvtty.child.kill('SIGTERM');
    const { stdout, stderr, status } = await recvtty.end();
    assert.deepEqual({ stdout, stderr, status }, { stdout: '', stderr: '', status: 0 });
    assert.equal(existsSync(recvtty.socket), false);
  });
}

test('recvtty in single mode works with run --detach and -m', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['-m', 'single']);
  const args = ['sh', '-c', 'stty -echo; read go; echo "went $go"; exit 0'];
  const { id, bundle } = prepareContainer('runc', testbed, { args, terminal: true });
  recvtty.type('far\n');
  await callRuntime('runc', testbed, ['run', '-d', '--bundle', bundle, '--console-socket', recvtty.socket, id]);
  await recvtty.expect('went far\n');
  assert.equal((await recvtty.end()).status, 0);
});

test('recvtty in single mode goes on after the end of stdin', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed);
  recvtty.child.stdin?.end('a line\n');
  await startContainer('pty', testbed, { args: session, consoleSocket: recvtty.socket });
  const { stdout, status } = await recvtty.end();
  assert.match(stdout, /got a line\n$/);
  assert.equal(status, 0);
});

test('recvtty --no-stdin types nothing', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['--no-stdin']);
  recvtty.type('you should not read this\n');
  const args = ['sh', '-c', 'stty -icanon -echo min 0 time 3; cat; echo end'];
  await startContainer('pty', testbed, { args, consoleSocket: recvtty.socket });
  const { stdout, status } = await recvtty.end();
  assert.deepEqual({ stdout, status }, { stdout: 'end\n', status: 0 });
});

test('recvtty writes --pid-file before any console comes', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['--pid-file', testbed.path('pid')]);
  assert.equal(readFileSync(testbed.path('pid'), 'utf8'), `${recvtty.child.pid}\n`);
});

test("recvtty works as runc's own tests use it", { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const script = `
    dir=$0; mkdir "$dir"
    ("$1" recvtty --pid-file "$dir/pid" --mode null "$dir/sock" &) &`;
  const directory = testbed.path('tty');
  const start = ['bash', '-c', script, directory, termshimProgram];
  assert.equal((await runToEnd(start, { env: testbed.env, stdio: 'ignore' })).status, 0);
  await waitFor(() => isListening(`${directory}/sock`), 'termshim recvtty to listen');
  const { id, bundle } = prepareContainer('runc', testbed, { args: ['sh'], terminal: true });
  await callRuntime('runc', testbed, ['run', '-d', '--bundle', bundle, '--console-socket', `${directory}/sock`, id]);
  assert.match((await runToEnd(['runc', 'state', id])).stdout, /"status": "running"/);
  assert.equal((await runToEnd(['runc', 'exec', id, 'echo', 'hello'])).stdout, 'hello\n');
  process.kill(Number(readFileSync(`${directory}/pid`, 'utf8')), 'SIGKILL');
  await waitFor(async () => /"stopped"/.test((await runToEnd(['runc', 'state', id])).stdout), 'the shell to hang up');
});

test('recvtty in null mode goes on after dialers that send no console', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['--mode', 'null']);
  connectTo(testbed, recvtty.socket).close();
  for (const send of wrongMessages) {
    const dialer = connectTo(testbed, recvtty.socket);
    send(dialer);
    await waitFor(() => dialer.isRefused(), 'the dialer to be turned away');
  }
  await isRead(offerConsole(testbed, connectTo(testbed, recvtty.socket), flood));
  assert.equal(recvtty.child.exitCode, null);
});

test('recvtty in null mode receives consoles from dialers that are connected at the same time', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['--mode', 'null']);
  const dialers = [1, 2, 3].map(() => connectTo(testbed, recvtty.socket));
  for (const dialer of dialers) await isRead(offerConsole(testbed, dialer, flood));
});

test('recvtty in null mode keeps a console open while another dialer sends none', async (t) => {
  const testbed = openTestbed(t);
  const recvtty = await startRecvtty(testbed, ['--mode', 'null']);
  const [good, bad] = [connectTo(testbed, recvtty.socket), connectTo(testbed, recvtty.socket)];
  bad.send('no console');
  await waitFor(() => bad.isRefused(), 'the dialer to be turned away');
  await isRead(offerConsole(testbed, good, flood));
});

/** Can only come to its end if somebody reads. */
const flood = 'seq 1 100000';

const wrongMessages: ((dialer: Connection) => void)[] = [
  (dialer) => dialer.send('no descriptor'),
  (dialer) => dialer.send('two descriptors', 0, 0),
  (dialer) => dialer.send('not a console', 0),
];

async function isRead(process: GroupLeader): Promise<void> {
  assert.equal(await within(process.exited, 'all output to be read'), 0);
}
