/*
 * When a daemon starts, it cleans up what killed processes have left. What could break: it ends containers of a daemon
 * that lives; it removes a directory while its owner is making it or another daemon is cleaning it up; it ends nothing;
 * it forgets a container that it could not end; it stops at a record that it cannot read. The owner of each directory
 * is a real process, which the test kills or leaves alive.
 */
import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { writeUserDaemonRecord } from '../../../src/daemon/cleanup/user-daemon-record.js';
import { cleanUp } from '../../../src/daemon/cleanup/cleanup.js';
import { useRuntimeDirectory } from '../../helpers/copy/dialer.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { startFixture } from '../../helpers/base/fixture.js';

interface Testbed {
  /** The runtime directory. */
  base: string;
  /** The private directory of a process that lives. */
  directory: string;
  owner: ChildProcess;
  /** The commands that the runtime got. */
  calls: () => string[];
  record: () => void;
  kill: () => Promise<void>;
}

/** A process with a private directory of that kind, and a runtime that answers as told. */
async function open(t: TestContext, prefix: string, deleting = 'exit 0'): Promise<Testbed> {
  const top = useRuntimeDirectory(t);
  const owner = startFixture('os/owner-of-a-directory', [prefix]);
  t.after(() => owner.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: owner.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  const calls = join(top, 'calls');
  writeFileSync(calls, '');
  const state = JSON.stringify({ ociVersion: '1', id: 'demo', status: 'running', pid: 7, bundle: '/bundle' });
  const cases = `case " $* " in *" state "*) echo '${state}';; *" delete "*) echo delete >>${calls}; ${deleting};; esac`;
  const runtime = writeProgram({ path: (name) => join(top, name) }, 'runtime', cases);
  return {
    base: join(top, 'termshim'),
    directory: line,
    owner,
    calls: () => readFileSync(calls, 'utf8').split('\n').slice(0, -1),
    record() {
      writeUserDaemonRecord(line, { id: 'demo', bundle: '/bundle', runtime: [runtime] });
      writeFileSync(join(line, 'init.pid'), '7');
    },
    async kill() {
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    },
  };
}

async function swept(): Promise<{ ids: string[]; faults: string[] }> {
  const [ids, faults]: [string[], string[]] = [[], []];
  await cleanUp({ onCleanedUp: (id) => ids.push(id), onError: (error) => faults.push(error.message) });
  return { ids, faults };
}

const nothing = { ids: [], faults: [] };

for (const prefix of ['exec', 'pty', 'runtime', 'attach', 'web', 'container']) {
  test(`${prefix}: a directory stays while its owner lives, and is removed after the owner was killed`, async (t) => {
    const { base, directory, kill } = await open(t, prefix);
    writeFileSync(join(directory, 'process.json'), '{"env":["SECRET=1"]}');
    assert.deepEqual(await swept(), nothing);
    assert.ok(existsSync(join(directory, 'process.json')));
    await kill();
    assert.deepEqual(await swept(), nothing);
    assert.deepEqual(readdirSync(base), []);
  });
}

test('a cleanup ends the containers of a daemon that was killed, and leaves those of one that lives', async (t) => {
  const { base, directory, calls, record, kill } = await open(t, 'container');
  record();
  assert.deepEqual(await swept(), nothing);
  assert.deepEqual(calls(), []);
  assert.ok(existsSync(directory));
  await kill();
  assert.deepEqual(await swept(), { ids: ['demo'], faults: [] });
  assert.deepEqual(calls(), ['delete']);
  assert.deepEqual(readdirSync(base), []);
});

test('the cleanup reports a container that it cannot end, and leaves it to the next daemon', async (t) => {
  const { directory, record, kill } = await open(t, 'container', 'echo busy >&2; exit 1');
  record();
  await kill();
  for (const daemon of ['first', 'second']) {
    const { ids, faults } = await swept();
    assert.deepEqual(ids, [], daemon);
    assert.match(faults.join('\n'), /^runtime delete failed: busy$/, daemon);
    assert.ok(existsSync(directory), daemon);
  }
});

test('the cleanup reports a record that it cannot read, and still cleans up the others', async (t) => {
  const { base, directory, kill } = await open(t, 'container');
  const other = startFixture('os/owner-of-a-directory', ['exec']);
  await once(other.stdout as NodeJS.ReadableStream, 'readable');
  writeFileSync(join(directory, 'record.json'), '{');
  await kill();
  other.kill('SIGKILL');
  await once(other, 'exit');
  const { ids, faults } = await swept();
  assert.deepEqual(ids, []);
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^cannot read .*record\.json: /);
  assert.deepEqual(readdirSync(base), [directory.split('/').at(-2)]);
});

test('two daemons that clean up at the same time end a container once', async (t) => {
  const { base, calls, record, kill } = await open(t, 'container', 'sleep 0.2');
  record();
  await kill();
  const both = await Promise.all([swept(), swept()]);
  assert.deepEqual(
    both.flatMap(({ ids }) => ids),
    ['demo'],
  );
  assert.deepEqual(calls(), ['delete']);
  assert.deepEqual(readdirSync(base), []);
});

test('the cleanup leaves files of a daemon, links and directories of other programs alone', async (t) => {
  const { base, directory } = await open(t, 'exec');
  const outside = join(base, '..', 'outside');
  mkdirSync(outside);
  for (const name of ['daemon.sock', 'daemon.log']) writeFileSync(join(base, name), '');
  mkdirSync(join(base, 'shims'));
  const before = readdirSync(base).toSorted();
  assert.deepEqual(await swept(), nothing);
  assert.deepEqual(readdirSync(base).toSorted(), before);
  assert.ok(existsSync(dirname(directory)));
});
