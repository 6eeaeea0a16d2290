/*
 * `termshim --shim` drives other shims, without containerd: containerd's own shim, and termshim's as if it were
 * another. What could break: the shim misses something that containerd gives it, and ends or waits; one side waits for
 * a FIFO that the other does not open; a size comes too early; an exit is not reported; a kill of the command ends the
 * container; or something stays when the container is gone. Each testbed proves that no process, socket, directory,
 * mount or control group stays.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { type ExternalShimTestbed, openExternalShimTestbed, runScript } from '../../helpers/shim/external-shim.js';
import { type Terminal, prompt, shellLine, openTerminal, openShell } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { termshimCommand } from '../../helpers/runtime/run-command.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { daemonsOf, runcShimPath } from '../../helpers/shim/shims.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

/** Says the size of its terminal before anything else, and each new one. */
const shell = ['sh', '-c', `stty size; trap 'stty size' WINCH; PS1='${prompt}'; export PS1; exec sh`];
const watching = ['sh', '-c', 'stty size; trap "stty size" WINCH; while :; do sleep 0.05; done'];

for (const shim of [runcShimPath, shimPath]) {
  describe(shim.slice(shim.lastIndexOf('/') + 1), { skip }, () => {
    test('a terminal in an external shim has its size, its input, exec and the exit status', async (t) => {
      const { testbed, ask } = openExternalShimTestbed(t, '');
      const bundle = makeBundle(testbed, { args: shell, terminal: true });
      const id = testbed.newId();
      // As the issue has it, before the verb.
      const run = termshimCommand('--shim', shim, 'run', '-it', '--name', id, '--bundle', bundle);
      const terminal = openTerminal(testbed, run, { columns: 100, rows: 30 });
      assert.match(await terminal.expect(prompt), /^30 100\r\n/);
      assert.equal(await terminal.run('tty'), '/dev/pts/0\n');
      terminal.resize({ columns: 132, rows: 50 });
      await waitFor(async () => (await terminal.run('stty size')) === '50 132\n', 'the new size');

      const guest = openTerminal(testbed, termshimCommand('exec', '--shim', shim, '-it', id, '--', ...shell), {
        columns: 70,
        rows: 10,
      });
      assert.match(await guest.expect(prompt), /^10 70\r\n/);
      assert.equal(await guest.run('tty'), '/dev/pts/1\n');
      guest.resize({ columns: 60, rows: 15 });
      await waitFor(async () => (await guest.run('stty size')) === '15 60\n', 'the new size of exec');
      assert.equal(await terminal.run('stty size'), '50 132\n');
      guest.type('exit 4\r');
      assert.equal(await within(guest.exited, 'the end of the exec'), 4);

      const resized = await ask('--shim', shim, 'resize', id, '90x20');
      assert.deepEqual(resized, { stdout: '', stderr: '', status: 0 });
      assert.equal(await terminal.run('stty size'), '20 90\n');
      terminal.type('exit 3\r');
      assert.equal(await within(terminal.exited, 'the end of the run'), 3);
      await isGone({ testbed, ask });
    });

    test('the process in an external shim sees the size and ^C', async (t) => {
      const { testbed } = openExternalShimTestbed(t, shim);
      const bundle = makeBundle(testbed, { args: watching, terminal: true });
      const run = termshimCommand('run', '-it', '--name', testbed.newId(), '--bundle', bundle);
      const terminal = openTerminal(testbed, run, { columns: 90, rows: 20 });
      await terminal.expect('20 90\r\n');
      terminal.resize({ columns: 91, rows: 21 });
      await terminal.expect('21 91\r\n');
      terminal.type('\x03');
      assert.equal(await within(terminal.exited, 'the end of the run'), 130);
    });

    test('a process without a terminal in an external shim has two outputs, an end of its input and an exit status', async (t) => {
      const { testbed, ask } = openExternalShimTestbed(t, shim);
      const script = 'cat; echo err >&2; exit 4';
      const all = { stdout: 'through a pipe', stderr: 'err\n', status: 4 };
      const pipe = (...args: string[]) =>
        runToEnd(termshimCommand(...args), { env: testbed.env, input: 'through a pipe' });
      const rootfs = ['--rootfs', testbed.rootfs];
      assert.deepEqual(await pipe('run', '-i', '--name', testbed.newId(), ...rootfs, '--', 'sh', '-c', script), all);

      const id = testbed.newId();
      assert.equal((await ask('run', '-d', '--name', id, ...rootfs, '--', 'sleep', '1000')).stdout, `${id}\n`);
      assert.deepEqual(await pipe('exec', '-i', id, '--', 'sh', '-c', script), all);
      assert.deepEqual(await ask('exec', id, 'echo', '--', 'two words'), {
        stdout: '-- two words\n',
        stderr: '',
        status: 0,
      });
      await ask('delete', '-f', id);
    });

    test('^D ends a program at a terminal of an external shim', async (t) => {
      const { testbed } = openExternalShimTestbed(t, shim);
      const words = runScript(testbed, 'cat; exit 5');
      const { stdout, status } = await runToEnd(termshimCommand(...words), { env: testbed.env, input: 'one\ntwo' });
      assert.match(stdout, /one\r\n/);
      assert.equal(status, 5);
    });

    test('a process in an external shim ends if the reader of its output leaves early', async (t) => {
      const { testbed } = openExternalShimTestbed(t, shim);
      const terminal = await openShell(testbed);
      for (const flags of [[], ['-t']]) {
        const words = ['run', ...flags, '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', 'yes'];
        const line = `${shellLine(termshimCommand(...words))} | head -n 1`;
        assert.match(await terminal.run(line), /^y\r*\n$/);
      }
    });

    test('a container in an external shim goes on after a detach or kill -9, and attach returns to it', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { testbed, ask } = external;
      const id = testbed.newId();
      const run = ['run', '-it', '--name', id, '--rootfs', testbed.rootfs, '--', ...shell];
      const first = openTerminal(testbed, termshimCommand(...run));
      await first.expect(prompt);
      first.type('\x10\x11');
      assert.equal(await within(first.exited, 'the end of the run'), 0);

      const second = openTerminal(testbed, termshimCommand('attach', id), { columns: 81, rows: 25 });
      await answers(second, 'stty size', '25 81');
      const refused = await ask('attach', id);
      assert.match(
        refused.stderr,
        /^termshim: cannot attach to \S+: it has a client, and [^\n]* \[ERR_UNSUPPORTED\]\n$/,
      );
      assert.equal(refused.status, 1);
      const attached = testbed.processes().find((it) => / attach /.test(it.commandLine));
      process.kill(attached?.pid ?? 0, 'SIGKILL');
      assert.equal(await within(second.exited, 'the end of the attach'), 128 + 9);

      const third = openTerminal(testbed, termshimCommand('attach', id), { columns: 82, rows: 26 });
      await answers(third, 'stty size', '26 82');
      third.type('exit 6\r');
      assert.equal(await within(third.exited, 'the end of the container'), 6);
      // Nobody is there who would remove it.
      assert.equal((await state(external, id))?.['exitStatus'], 6);
      assert.match((await ask('attach', id)).stderr, /has ended \[ERR_STATE_INVALID\]\n$/);
      assert.deepEqual(await ask('delete', id), { stdout: `${id}\n`, stderr: '', status: 0 });
      await isGone(external);
    });

    test('a client can detach from an exec process in an external shim, attach again and end it', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { testbed, ask } = external;
      const id = await start(external, ['sleep', '1000']);
      const execId = (await ask('exec', '-dt', id, ...shell)).stdout.trim();
      const terminal = openTerminal(testbed, termshimCommand('attach', '--exec', execId, id), {
        columns: 71,
        rows: 11,
      });
      await answers(terminal, 'stty size', '11 71');
      terminal.type('exit 2\r');
      assert.equal(await within(terminal.exited, 'the end of the exec'), 2);
      assert.equal((await ask('wait', '--exec', execId, id)).stdout, '2\n');
      assert.equal((await ask('delete', '--exec', execId, id)).stdout, `${execId}\n`);
      assert.equal((await list(external)).length, 1);
      await ask('delete', '-f', id);
    });

    test('pause, resume, stats, kill, wait and delete work on an external shim', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { ask } = external;
      const id = await start(external, ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.02; done']);
      assert.equal((await state(external, id))?.['state'], 'running');
      const nothing = { stdout: '', stderr: '', status: 0 };
      assert.deepEqual(await ask('pause', id), nothing);
      assert.equal((await state(external, id))?.['state'], 'paused');
      assert.deepEqual(await ask('resume', id), nothing);
      const [used] = JSON.parse((await ask('stats', '--format', 'json')).stdout) as { id: string; pids: number }[];
      assert.equal(used?.id, id);
      assert.ok(used.pids >= 1, `${used.pids} processes`);
      assert.match((await ask('inspect', id)).stdout, /state +running\n/);
      const waiting = ask('wait', id);
      assert.deepEqual(await ask('kill', id), nothing);
      assert.deepEqual(await waiting, { stdout: '7\n', stderr: '', status: 0 });
      assert.equal((await state(external, id))?.['exitStatus'], 7);
      assert.match((await ask('run', '--rootfs', '/', '--name', id)).stderr, /ERR_ID_IN_USE\]\n$/);
      assert.deepEqual(await ask('delete', id), { stdout: `${id}\n`, stderr: '', status: 0 });
      await isGone(external);
    });

    test('two containers in external shims do not end each other', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const [first, second] = [await start(external, ['sleep', '1000']), await start(external, ['sleep', '1000'])];
      assert.equal((await external.ask('delete', '-f', first)).status, 0);
      assert.equal((await external.ask('exec', second, 'echo', 'alive')).stdout, 'alive\n');
      assert.equal((await external.ask('delete', '-f', second)).status, 0);
      await isGone(external);
    });

    test('each verb fails with one line after a kill of the external shim, and delete -f cleans up', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { testbed, ask } = external;
      const id = await start(external, ['sleep', '1000']);
      for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGKILL');
      await waitFor(() => daemonsOf(testbed).length === 0, 'the end of the shim');
      assert.equal((await state(external, id))?.['state'], 'unknown');
      for (const verb of [['kill'], ['exec', '-t'], ['attach'], ['pause'], ['stats'], ['wait'], ['delete']]) {
        const args = verb[0] === 'exec' ? [...verb, id, 'sh'] : [...verb, id];
        const { stdout, stderr, status } = await ask(...args);
        assert.match(
          stderr,
          /^termshim: the shim of the container \S+ has died or hangs; [^\n]* \[ERR_SHIM_FAILED\]\n$/,
          verb[0],
        );
        assert.deepEqual([stdout, status], ['', 1], verb[0]);
      }
      assert.deepEqual(await ask('delete', '-f', id), { stdout: `${id}\n`, stderr: '', status: 0 });
      await isGone(external);
    });

    test('each verb fails after a bounded time if the external shim hangs', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { testbed, ask } = external;
      const id = await start(external, ['sleep', '1000']);
      for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGSTOP');
      assert.equal((await state(external, id))?.['state'], 'unknown');
      const verbs = [
        ['kill', id],
        ['exec', '-t', id, 'sh'],
        ['attach', id],
        ['pause', id],
        ['stats', id],
        ['delete', id],
      ];
      const asked = verbs.map(async (verb) => {
        const { stdout, stderr, status } = await ask(...verb);
        assert.match(
          stderr,
          /^termshim: the shim of the container \S+ has died or hangs; [^\n]* \[ERR_SHIM_FAILED\]\n$/,
          verb[0],
        );
        assert.deepEqual([stdout, status], ['', 1], verb[0]);
      });
      await Promise.all(asked);
      assert.deepEqual(await ask('delete', '-f', id), { stdout: `${id}\n`, stderr: '', status: 0 });
      await isGone(external);
    });

    test('attach ends and restores the terminal if the external shim is killed', async (t) => {
      const external = openExternalShimTestbed(t, shim);
      const { testbed } = external;
      const run = ['run', '-it', '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', ...shell];
      const terminal = openTerminal(testbed, termshimCommand(...run));
      await terminal.expect(prompt);
      // A shim that is killed during the start leaves its private directory to the next daemon.
      const directories = (): string[] => readdirSync(`${testbed.env['XDG_RUNTIME_DIR']}/termshim`);
      await waitFor(() => !directories().some((it) => it.startsWith('of-')), 'the end of the start');
      for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGKILL');
      await terminal.expect(/termshim: [^\n]*\[ERR_SHIM_FAILED\]\r\n/);
      assert.equal(await within(terminal.exited, 'the end of the run'), 1);
      await isGone(external);
    });
  });
}

interface Told {
  id: string;
  execId: string;
  [fact: string]: unknown;
}

async function list({ ask }: ExternalShimTestbed): Promise<Told[]> {
  const { stdout, stderr } = await ask('ps', '--format', 'json');
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Told[];
}

async function state(external: ExternalShimTestbed, id: string): Promise<Told | undefined> {
  return (await list(external)).find((it) => it.id === id && it.execId === '');
}

/** Starts a container with a terminal that nobody sits at. */
async function start({ testbed, ask }: ExternalShimTestbed, command: readonly string[]): Promise<string> {
  const id = testbed.newId();
  const started = await ask('run', '-dt', '--name', id, '--rootfs', testbed.rootfs, '--', ...command);
  assert.deepEqual(started, { stdout: `${id}\n`, stderr: '', status: 0 });
  return id;
}

/** The prompt came long ago, to somebody else. */
async function answers(terminal: Terminal, line: string, answer: string): Promise<void> {
  terminal.type(`${line}\r`);
  await terminal.expect(`${answer}\r\n`);
}

/** At once, not only when the test has ended: a shim goes with its last container. */
async function isGone({ testbed }: Pick<ExternalShimTestbed, 'testbed'> & { ask?: unknown }): Promise<void> {
  await waitFor(() => testbed.leftovers().length === 0, 'nothing to be left').catch(() => {});
  assert.deepEqual(testbed.leftovers(), []);
}
