/*
 * What the daemon of a user does at its start with the containers of others. What could break: it ends those of a daemon that
 * lives, or of a pid that was used again; it ends nothing; it forgets what it could not end.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { identify } from '../../src/runtime/pty/process-table.js';
import { writeOwnRecord } from '../../src/shim/own-record.js';
import { sweep } from '../../src/shim/sweep.js';
import { writeProgram } from '../helpers/fake-runtime.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

interface Place {
  directory: string;
  /** The commands that the runtime got. */
  calls: () => string[];
  swept: () => Promise<{ ids: string[]; faults: string[] }>;
}

/** A container directory of a daemon, with a runtime that answers as told. */
function openPlace(t: TestContext, daemon: { pid: number; startTime: number }, deleting = 'exit 0'): Place {
  const top = temporaryDirectory(t);
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = top;
  t.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  const directory = join(top, 'termshim', 'container-abc');
  mkdirSync(directory, { recursive: true });
  const calls = join(top, 'calls');
  writeFileSync(calls, '');
  const state = JSON.stringify({ ociVersion: '1', id: 'demo', status: 'running', pid: 7, bundle: '/bundle' });
  const cases = `case " $* " in *" state "*) echo '${state}';; *" delete "*) echo delete >>${calls}; ${deleting};; esac`;
  const runtime = writeProgram({ path: (name) => join(top, name) }, 'runtime', cases);
  writeOwnRecord(directory, { id: 'demo', bundle: '/bundle', runtime: [runtime], daemon });
  writeFileSync(join(directory, 'init.pid'), '7');
  return {
    directory,
    calls: () => readFileSync(calls, 'utf8').split('\n').slice(0, -1),
    async swept() {
      const [ids, faults]: [string[], string[]] = [[], []];
      await sweep({ onSwept: (id) => ids.push(id), onFault: (error) => faults.push(error.message) });
      return { ids, faults };
    },
  };
}

test('a daemon that lives keeps its containers', async (t) => {
  const { directory, calls, swept } = openPlace(t, identify(process.pid));
  assert.deepEqual(await swept(), { ids: [], faults: [] });
  assert.deepEqual(calls(), []);
  assert.ok(existsSync(directory));
});

test('another process with its pid is not the daemon', async (t) => {
  const { directory, calls, swept } = openPlace(t, { pid: process.pid, startTime: 1 });
  assert.deepEqual(await swept(), { ids: ['demo'], faults: [] });
  assert.deepEqual(calls(), ['delete']);
  assert.ok(!existsSync(directory));
});

test('what could not be ended is told, and stays for the next daemon', async (t) => {
  const { directory, swept } = openPlace(t, { pid: process.pid, startTime: 1 }, 'echo busy >&2; exit 1');
  const { ids, faults } = await swept();
  assert.deepEqual(ids, []);
  assert.match(faults.join('\n'), /^runtime delete failed: busy$/);
  assert.ok(existsSync(directory));
});

test('a directory without a record is being made just now', async (t) => {
  const { directory, swept } = openPlace(t, identify(process.pid));
  const other = join(directory, '..', 'container-new');
  mkdirSync(other);
  assert.deepEqual(await swept(), { ids: [], faults: [] });
  assert.ok(existsSync(other));
});
