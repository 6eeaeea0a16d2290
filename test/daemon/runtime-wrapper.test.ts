/**
 * Some people put programs in front of runc. These find the runtime's options where go-runc puts them, and read
 * config.json and init.pid in their working directory. What could break: an option is in another position, a command
 * runs in another directory, or a bundle that is gone or hangs keeps the runtime from running. The wrapper here is a
 * script that looks for these things, and fails if it does not find them.
 */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callRuntime } from '../../src/runtime/runtime-call.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { CreateOptions } from '../../src/ttrpc/gen/termshim/options.js';
import { packAny } from '../../src/ttrpc/message.js';
import { ptyRuntimeProgram, writeProgram } from '../helpers/runtime/fake-runtime.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { shellProcess } from '../helpers/runtime/task.js';
import { serveTasks, type TaskServer } from '../helpers/shim/task-server.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { within } from '../helpers/base/wait-for.js';

const root = (directory: string): string => join(directory, 'root');

/** Notes the verbs that it saw, with the arguments before them, in `calls`. */
function writeWrapper(directory: string, begins: string): string {
  const script = `
    directory=$(pwd)
    no() { echo "{\\"level\\":\\"error\\",\\"msg\\":\\"$1\\"}" >"$log"; exit 1; }
    all=" $*"
    while [ "$1" != --log ]; do shift; done
    log=$2
    case $all in " ${begins}--log $log --log-format json "*) ;; *) no "options stand elsewhere:$all";; esac
    [ -f config.json ] || no "no config.json in $directory"
    case $all in
      *" create "*) ;;
      *" delete "*) ;;
      *) [ "$(cat init.pid)" -gt 1 ] || no "no init.pid in $directory";;
    esac
    echo "$5" >>'${join(directory, 'calls')}'
    exec '${ptyRuntimeProgram}' $all`;
  return writeProgram({ path: (name) => join(directory, name) }, 'wrapper', script);
}

const callsOf = (directory: string): string[] => readFileSync(join(directory, 'calls'), 'utf8').trimEnd().split('\n');

async function live(task: TaskServer['task'], id: string, resources: boolean): Promise<void> {
  await task.start({ id });
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('exit 3'))) };
  await task.exec({ id, execId: 'e', terminal: true, spec });
  await task.start({ id, execId: 'e' });
  assert.equal((await within(task.wait({ id, execId: 'e' }), 'the exit')).exitStatus, 3);
  await task.pids({ id });
  await task.pause({ id });
  await task.resume({ id });
  const refused = { message: /unknown command/ };
  // The wrapper lets these through, and the pty runtime behind it knows neither.
  if (resources)
    await assert.rejects(task.update({ id, resources: { typeUrl: '', value: Buffer.from('{}') } }), refused);
  if (resources) await assert.rejects(task.checkpoint({ id, path: '/nowhere' }), refused);
  await task.kill({ id, signal: 9, all: true });
  await within(task.wait({ id }), 'the exit');
  await task.delete({ id });
}

leakTest('each runtime command runs in the bundle of a container of containerd', async (scope) => {
  const { task, request, faults } = await serveTasks(scope);
  const directory = temporaryDirectory(scope);
  const binaryName = writeWrapper(directory, `--root ${root(directory)}/test `);
  const options = packAny(Options, { binaryName, root: root(directory) });
  const id = 'wrapped';
  await task.create({ ...(await request(id, 'exec sleep 100')), options });
  await live(task, id, true);
  assert.deepEqual(faults, []);
  const verbs = ['create', 'start', 'exec', 'ps', 'pause', 'resume', 'update', 'checkpoint', 'kill', 'kill', 'delete'];
  assert.deepEqual(callsOf(directory), verbs);
});

leakTest('each runtime command runs in the bundle that a user gave', async (scope) => {
  const { task, request, faults } = await serveTasks(scope);
  const directory = temporaryDirectory(scope);
  const runtimeCommand = [writeWrapper(directory, '')];
  const options = packAny(CreateOptions, { runtimeName: 'wrapper', runtimeCommand });
  const id = 'wrapped-of-ours';
  const requested = await request(id, 'exec sleep 100');
  writeFileSync(join(requested.bundle ?? '', 'init.pid'), '7');
  await task.create({ ...requested, options });
  await live(task, id, false);
  assert.deepEqual(faults, []);
  assert.deepEqual(callsOf(directory), ['create', 'start', 'exec', 'ps', 'pause', 'resume', 'kill', 'kill', 'delete']);
});

for (const mayHang of [false, true]) {
  leakTest(`the runtime runs if a bundle that ${mayHang ? 'may' : 'cannot'} hang is gone`, async (scope) => {
    const place = temporaryDirectory(scope);
    const call = {
      name: 'runtime',
      command: [writeProgram({ path: (name) => join(place, name) }, 'runtime', 'pwd')],
      globals: {},
      verb: 'delete',
      args: ['c'],
      hasAnswer: true,
      timeoutMs: 10_000,
    };
    const askIn = async (path: string): Promise<string> =>
      (await callRuntime({ ...call, directory: { path, mayHang } })).stdout.trimEnd();
    const bundle = temporaryDirectory(scope);
    assert.equal(await askIn(bundle), bundle);
    renameSync(bundle, `${bundle}-moved`);
    assert.equal(await askIn(bundle), '/');
    writeFileSync(bundle, '', { mode: 0o755 });
    assert.equal(await askIn(bundle), '/');
    renameSync(`${bundle}-moved`, join(place, 'moved'));
    const gone = { ...call, command: [join(place, 'none')], directory: { path: place, mayHang } };
    await assert.rejects(callRuntime(gone), {
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: /none: no such file or directory/,
    });
  });
}
