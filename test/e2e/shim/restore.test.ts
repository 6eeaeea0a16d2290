/**
 * runc and criu restore containers from a checkpoint under a real containerd. What could break: the processes start
 * from the beginning or lose their stdio, a refused restore leaves a container, a control group or a directory, or the
 * user does not learn why. Many machines lack criu, and criu depends on the kernel: if it works, the tests restore
 * containers; if not, they check the error that the user gets. The last test covers what is refused in any case.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { type Containerd, startContainerd } from '../../helpers/shim/containerd.js';
import { fifosIn, hasStatus, isGone, listenToEvents, runOf, statusOf } from '../../helpers/shim/ctr.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { importImage } from '../../helpers/runtime/image.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { environmentWithShim } from '../../helpers/shim/shims.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { findProgram } from '../../../src/runtime/find-program.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';

/** Undefined, or why not. `criu check` says yes where a dump hangs for ever, so one is tried. */
function criuFault(): string | undefined {
  if (findProgram('criu', process.env['PATH'] ?? '') === undefined) return 'there is no criu';
  const { status, stdout } = spawnSync('sh', ['-c', tryIt], { encoding: 'utf8' });
  return status === 0 ? undefined : `criu cannot dump a process: ${stdout.trim()}`;
}

const tryIt = `
images=$(mktemp -d)
setsid sleep 1000 </dev/null >/dev/null 2>&1 &
process=$!
timeout -s KILL 20 criu dump -t $process -D "$images" >"$images/words" 2>&1
status=$?
[ $status != 137 ] || echo it hangs
tail -n 1 "$images/words"
kill -KILL $process 2>/dev/null
rm -r "$images"
exit $status`;

/** Writes a runc that finds no criu, wherever there is one, and returns its path. */
function writeRuncWithoutCriu(testbed: Pick<Testbed, 'path'>, name: string): string {
  const runc = findProgram('runc', process.env['PATH'] ?? '');
  return writeProgram(testbed, name, `PATH=/nowhere exec ${runc} "$@"`);
}

const skip = missing('root', 'busybox', 'runc', 'containerd');

const fault = criuFault();

/** What runc says where it finds no criu. */
const noCriu = /CRIU version check failed: exec: "criu": executable file not found/;

/** A containerd whose `io.containerd.runc.v2` is our shim: ctr asks for checkpoints of that one alone as it is told. */
async function setUp(t: TestContext) {
  const testbed = openTestbed(t);
  const env = environmentWithShim(testbed, shim);
  if (fault !== undefined) {
    t.diagnostic(`${fault}, so it is refused: the test looks at how`);
    writeRuncWithoutCriu(testbed, 'shims/runc');
  }
  return { testbed, containerd: await startContainerd(testbed, env) };
}

/** For a container of a runtime that has our name: the options are in a file. */
function restoring(testbed: Testbed, images: string, runtime = 'runc'): string[] {
  const path = testbed.path('restore.toml');
  const toml = { BinaryName: runtime, CriuImagePath: images, CriuWorkPath: testbed.path('work') };
  mkdirSync(toml.CriuWorkPath, { recursive: true, mode: 0o700 });
  writeFileSync(
    path,
    Object.entries(toml)
      .map(([name, value]) => `${name} = "${value}"\n`)
      .join(''),
  );
  return ['--runtime-config-path', path];
}

/** One line that tells what and why. */
function assertRefused({ stdout, stderr, status }: CommandResult, words: RegExp): void {
  assert.deepEqual([stdout, status], ['', 1]);
  const said = stderr.split('\n').filter((line) => /restore|checkpoint/i.test(line));
  assert.equal(said.length, 1, stderr);
  assert.match(said[0] ?? '', words);
}

async function removeBy(containerd: Containerd, id: string): Promise<void> {
  await containerd.ask('tasks', 'rm', '--force', id);
  await isGone(containerd, id);
  await containerd.ask('containers', 'rm', id);
}

const counting = 'n=0; while :; do n=$((n+1)); echo $n >/tmp/count; sleep 0.05; done';

test('`ctr containers restore --live` continues where the container was checkpointed', { skip }, async (t) => {
  const { testbed, containerd } = await setUp(t);
  const events = await listenToEvents(testbed, containerd);
  // containerd leaves its copy of the images behind.
  testbed.after(() => {
    for (const name of readdirSync(testbed.path('xdg')))
      if (name.startsWith('ctrd-checkpoint')) rmSync(testbed.path(`xdg/${name}`), { recursive: true });
  });
  const image = await importImage(testbed, containerd, 'native');
  const [id, again, reference] = [testbed.newId(), testbed.newId(), 'checkpoint.test/counting:latest'];
  const flags = ['-d', ...fifosIn(testbed), '--snapshotter', 'native', '--runtime', shim];
  await containerd.ask('run', ...flags, image, id, 'sh', '-c', counting);
  const countOf = async (container: string): Promise<number> => {
    const { stdout } = await containerd.ctr('tasks', 'exec', '--exec-id', 'look', container, 'cat', '/tmp/count');
    return Number(stdout);
  };
  await waitFor(async () => (await countOf(id)) > 20, 'it to have counted');
  const written = await containerd.ctr('containers', 'checkpoint', '--task', id, reference);
  if (fault !== undefined) {
    assertRefused(written, noCriu);
    const before = await countOf(id);
    await waitFor(async () => (await countOf(id)) > before, 'it to go on counting');
    await removeBy(containerd, id);
    return;
  }
  assert.equal(written.status, 0, written.stderr);
  await removeBy(containerd, id);
  await containerd.ask('containers', 'restore', '--live', again, reference);
  assert.equal(await statusOf(containerd, again), 'RUNNING');
  // Its file system is new, and it writes there at its next turn.
  assert.ok((await waitFor(() => countOf(again), 'it to go on counting')) > 20);
  const { pid } = await events.expect('/tasks/start', { container_id: again });
  assert.ok(Number(pid) > 0);
  await containerd.ask('tasks', 'kill', '--signal', 'KILL', again);
  await events.expect('/tasks/exit', { container_id: again, exit_status: 137, pid });
  await removeBy(containerd, again);
});

test('a restored terminal goes on with its process and returns its exit status', { skip }, async (t) => {
  const { testbed, containerd } = await setUp(t);
  const images = testbed.path('images');
  const id = testbed.newId();
  const script = 'stty -echo; read first; echo "$first in"; read second; echo "$first and $second"; exit 7';
  const run = (flags: string[], runtime: string) =>
    openTerminal(
      testbed,
      containerd.command(...runOf(testbed, { shim: runtime, id, flags: ['-t', ...flags], script })),
    );
  if (fault !== undefined) {
    mkdirSync(images, { mode: 0o700 });
    const refused = run(['--rm', ...restoring(testbed, images)], shim);
    await refused.expect('OCI runtime restore failed: runc restore failed: CRIU version check failed');
    assert.equal(await within(refused.exited, 'its end'), 1);
    return;
  }
  const written = run([], 'io.containerd.runc.v2');
  written.type('one\n');
  await written.expect('one in\r');
  mkdirSync(images, { mode: 0o700 });
  await containerd.ask('tasks', 'checkpoint', '--exit', '--image-path', images, '--work-path', images, id);
  await within(written.exited, 'the end of the first');
  await containerd.ask('containers', 'rm', id);
  const restored = run(['--rm', ...restoring(testbed, images)], shim);
  await hasStatus(containerd, id, 'RUNNING');
  restored.type('two\n');
  await restored.expect('one and two\r');
  assert.equal(await within(restored.exited, 'its end'), 7);
  await isGone(containerd, id);
});

test('a restore from broken images fails with the reason, and nothing stays', { skip }, async (t) => {
  const { testbed, containerd } = await setUp(t);
  const images = testbed.path('images');
  mkdirSync(images, { mode: 0o700 });
  writeFileSync(`${images}/descriptors.json`, '["/dev/null","/dev/null","/dev/null"]');
  writeFileSync(`${images}/inventory.img`, 'nonsense');
  const id = testbed.newId();
  const command = runOf(testbed, { shim, id, flags: ['--rm', ...restoring(testbed, images)], script: 'true' });
  const result = await runToEnd(containerd.command(...command));
  assertRefused(result, fault === undefined ? /criu failed: .*; criu said: .*restore\.log\)/ : noCriu);
  assert.deepEqual(readdirSync(images).toSorted(), ['descriptors.json', 'inventory.img']);
  await isGone(containerd, id);
});

test('Start fails without criu, and says so in the words that containerd uses', { skip }, async (t) => {
  const { testbed, containerd } = await setUp(t);
  const images = testbed.path('images');
  mkdirSync(images, { mode: 0o700 });
  const options = restoring(testbed, images, writeRuncWithoutCriu(testbed, 'runc-without-criu'));
  for (const flags of [['--rm'], ['--rm', '--null-io']]) {
    const id = testbed.newId();
    const command = runOf(testbed, { shim, id, flags: [...flags, ...options], script: 'true' });
    const result = await runToEnd(containerd.command(...command));
    assertRefused(result, noCriu);
    assert.match(result.stderr, /OCI runtime restore failed: \S+runc-without-criu restore failed: CRIU/);
    await isGone(containerd, id);
  }
  assert.deepEqual(readdirSync(images), []);
});

test('Create refuses an invalid checkpoint and says why', { skip }, async (t) => {
  const { testbed, containerd } = await setUp(t);
  const open = testbed.path('open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const below = `${open}/below`;
  mkdirSync(below, { mode: 0o700 });
  const file = testbed.path('file');
  writeFileSync(file, '');
  const refused: [path: string, words: RegExp][] = [
    [testbed.path('none'), /cannot access the directory \S+none: ENOENT: no such file or directory/],
    [file, /cannot access the directory \S+file: it is not a directory/],
    ['images', /images is not an absolute path/],
    [open, /other users may write to \S+open \(mode 0777\)/],
    [below, /other users could replace \S+below, because they may write to \S+open \(mode 0777\)/],
  ];
  for (const [path, words] of refused) {
    const id = testbed.newId();
    const command = runOf(testbed, { shim, id, flags: ['--rm', ...restoring(testbed, path)], script: 'true' });
    const { stderr, status } = await runToEnd(containerd.command(...command));
    assert.equal(status, 1);
    assert.match(stderr, words);
    await isGone(containerd, id);
  }
  assert.equal(existsSync(testbed.path('none')), false);
  assert.doesNotMatch(readFileSync(`${testbed.path('containerd')}.log`, 'utf8'), /panic/);
});
