/*
 * The verbs run against real daemons and containers. What could break: a verb reports success although the kernel shows
 * no effect; a state, a size or a count that `ps` shows is wrong; a verb hangs on a container that has ended or is
 * paused, or fails with a message that does not name the state. The test checks the effect of each step: in /proc, at
 * the tty, in the next answer.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type TestContext, describe, test } from 'node:test';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import {
  type RuntimeName,
  missingFor,
  runCommand,
  runtimeNames,
  termshimCommand,
} from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { startTermshim } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** What the tests read of a session's JSON. */
interface Told {
  id: string;
  execId: string;
  state: string;
  pid: number;
  exitStatus: number | null;
  columns: number;
  rows: number;
  clients: number;
  stdoutBytes: number;
  command: string[];
}

interface Place {
  testbed: Testbed;
  /** Runs a verb to its end. */
  ask(...args: string[]): Promise<CommandResult>;
  /** Runs a verb that must succeed in silence. */
  does(...args: string[]): Promise<void>;
  /** A verb must fail with one line. */
  fails(args: string[], words: RegExp): Promise<void>;
  ps(): Promise<Told[]>;
  /** The container's init, once `ps` shows it in that state. */
  is(id: string, state: string): Promise<Told>;
}

function openPlace(t: TestContext): Place {
  const testbed = openTestbed(t);
  const ask: Place['ask'] = (...args) => runToEnd(termshimCommand(...args), { env: testbed.env });
  const ps = async (): Promise<Told[]> => JSON.parse((await ask('ps', '--format', 'json')).stdout) as Told[];
  testbed.after(async () => {
    for (const { id, execId } of await ps()) if (execId === '') await ask('delete', '-f', id);
  });
  return {
    testbed,
    ask,
    ps,
    async does(...args) {
      assert.deepEqual(await ask(...args), { stdout: '', stderr: '', status: 0 });
    },
    async fails(args, words) {
      const { stdout, stderr, status } = await ask(...args);
      assert.match(stderr, /^termshim: [^\n]* \[ERR_\w+\]\n$/);
      assert.match(stderr, words);
      assert.deepEqual([stdout, status], ['', 1]);
    },
    is: (id, state) =>
      waitFor(async () => (await ps()).find((it) => it.id === id && it.execId === '' && it.state === state), state),
  };
}

async function runDetached({ testbed }: Place, runtime: RuntimeName, flags: string, script: string): Promise<string> {
  const id = testbed.newId();
  const command = ['sh', '-c', script];
  const { stdout, stderr, status } = await runToEnd(runCommand(runtime, testbed, { flags: [flags], id, command }), {
    env: testbed.env,
  });
  assert.deepEqual({ stdout, stderr, status }, { stdout: `${id}\n`, stderr: '', status: 0 });
  return id;
}

async function sizeAtTty(pid: number): Promise<string> {
  return (await runToEnd(['stty', '-F', `/proc/${pid}/fd/0`, 'size'])).stdout;
}

for (const runtime of runtimeNames) {
  test(`${runtime}: every verb works through the life of a container`, { skip: missingFor(runtime) }, async (t) => {
    const place = openPlace(t);
    const { ask, does, fails, is, testbed } = place;
    const id = await runDetached(place, runtime, '-dt', 'trap "exit 7" USR1; echo here; while :; do sleep 0.1; done');
    const following = startTermshim(['events', '--since', '0', '--format', 'json'], { env: testbed.env });
    let followed = '';
    following.stdout?.on('data', (data: Buffer) => (followed += data.toString()));
    testbed.after(() => following.kill('SIGKILL'));

    const { pid, ...told } = await is(id, 'running');
    assert.ok(existsSync(`/proc/${pid}`));
    assert.deepEqual([told.exitStatus, told.clients, told.command[0]], [null, 0, 'sh']);
    assert.equal(await sizeAtTty(pid), '24 80\n');
    await waitFor(async () => (await is(id, 'running')).stdoutBytes === 'here\r\n'.length, 'its output');

    await does('resize', id, '101x31');
    assert.equal(await sizeAtTty(pid), '31 101\n');
    const resized = await is(id, 'running');
    assert.deepEqual([resized.columns, resized.rows], [101, 31]);
    await does('resize', id, '--policy', 'latest');
    await fails(['resize', id, '--policy', '5'], /has no client 5/);

    await does('pause', id);
    await is(id, 'paused');
    await fails(['pause', id], /is paused and cannot become paused \[ERR_STATE_INVALID\]/);
    await does('resume', id);
    await fails(['resume', id], /is running and cannot become running \[ERR_STATE_INVALID\]/);
    await fails(['delete', id], /is running and cannot become deleted \[ERR_STATE_INVALID\]/);

    const waiting = ask('wait', id.slice(0, -1));
    await does('kill', '-s', 'USR1', id);
    assert.deepEqual(await waiting, { stdout: '7\n', stderr: '', status: 0 });
    assert.equal((await is(id, 'stopped')).exitStatus, 7);
    assert.ok(!existsSync(`/proc/${pid}`));

    await fails(['kill', id], /has already ended/);
    await fails(['pause', id], /is stopped and cannot become paused \[ERR_STATE_INVALID\]/);
    await fails(['resize', id, '80x24'], /is stopped and cannot be resized \[ERR_STATE_INVALID\]/);
    await fails(['attach', id], /\[ERR_STATE_INVALID\]/);
    await fails(['exec', id, 'true'], /\[ERR_STATE_INVALID\]/);
    assert.deepEqual(await ask('wait', id), { stdout: '7\n', stderr: '', status: 0 });
    assert.equal((await ask('stats', id)).status, 0);
    assert.deepEqual(await ask('delete', id), { stdout: `${id}\n`, stderr: '', status: 0 });
    await fails(['inspect', id], /no such container: .*; there is none \[ERR_PROCESS_NOT_FOUND\]/);

    await waitFor(() => followed.includes('"kind":"delete"'), 'the last event');
    following.kill('SIGINT');
    await once(following, 'exit');
    const lines = followed.trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { number: number; kind: string });
    const kinds = events.map((it) => it.kind);
    assert.deepEqual(
      kinds.filter((kind) => kind !== 'resize'),
      ['create', 'start', 'paused', 'resumed', 'exit', 'delete'],
    );
    assert.ok(kinds.includes('resize'));
    assert.deepEqual(
      events.map((it) => it.number),
      events.map((_, i) => i + 1),
    );
  });
}

describe('on runc,', { skip: missingFor('runc') }, () => {
  test('stats tells a busy container from an idle one', async (t) => {
    const place = openPlace(t);
    const busy = await runDetached(place, 'runc', '-dt', 'while :; do :; done');
    const idle = await runDetached(place, 'runc', '-d', 'exec sleep 1000');
    const { stdout } = await place.ask('stats', '--format', 'json', busy, idle);
    const [first, second] = JSON.parse(stdout) as Record<string, number>[];
    assert.deepEqual([first?.['id'], second?.['id']], [busy, idle]);
    assert.deepEqual([first?.['pids'], second?.['pids']], [1, 1]);
    assert.ok((first?.['memoryBytes'] ?? 0) > 0);
    assert.ok((first?.['cpuPercent'] ?? 0) > (second?.['cpuPercent'] ?? 0), stdout);
    assert.match((await place.ask('stats')).stdout, new RegExp(`^${busy}   \\d+\\.\\d%`, 'm'));
  });

  test('kill --all reaches processes that the init would not end', async (t) => {
    const place = openPlace(t);
    const id = await runDetached(place, 'runc', '-dt', 'sleep 1000 & trap "" TERM; wait; wait; exec sleep 1000');
    await place.does('kill', id);
    await place.does('kill', '-s', 'KILL', '--all', id);
    assert.equal((await place.ask('wait', id)).stdout, '137\n');
  });

  test('--exec selects a process of exec', async (t) => {
    const place = openPlace(t);
    const id = await runDetached(place, 'runc', '-dt', 'exec sleep 1000');
    const starter = startTermshim(['exec', '-t', id, 'sleep', '1000'], { env: place.testbed.env });
    place.testbed.after(() => starter.kill('SIGKILL'));
    const findExec = async (): Promise<Told | undefined> =>
      (await place.ps()).find((it) => it.execId !== '' && it.state === 'running');
    const exec = await waitFor(findExec, 'the process');
    const { execId } = exec;
    // It would remove what has ended, and `wait` may come late.
    starter.kill('SIGSTOP');
    assert.deepEqual(exec.command, ['sleep', '1000']);
    await place.does('resize', id, '70x20', '--exec', 'exec-');
    assert.equal(await sizeAtTty(exec.pid), '20 70\n');
    const waiting = place.ask('wait', id, '--exec', execId);
    await waitFor(async () => (await place.ask('inspect', id, '--exec', execId)).stdout.includes('70x20'), 'its size');
    await place.does('kill', '-s', 'KILL', '--exec', execId, id);
    assert.equal((await waiting).stdout, '137\n');
    await place.is(id, 'running');
  });

  test('delete -f removes a running, a paused and a stopped container', async (t) => {
    const place = openPlace(t);
    const running = await runDetached(place, 'runc', '-dt', 'trap "" TERM; while :; do sleep 1; done');
    const paused = await runDetached(place, 'runc', '-d', 'exec sleep 1000');
    const ended = await runDetached(place, 'runc', '-d', 'exit 1');
    await place.does('pause', paused);
    await place.is(ended, 'stopped');
    const outcome = await place.ask('delete', '-f', running, paused, ended);
    assert.deepEqual(outcome, { stdout: `${running}\n${paused}\n${ended}\n`, stderr: '', status: 0 });
    assert.deepEqual(await place.ps(), []);
  });
});
