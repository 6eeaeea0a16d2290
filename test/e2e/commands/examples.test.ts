/**
 * The test runs the programs of examples/ as their first comments say, in a package that was installed from the npm
 * tarball. What could break: an example no longer compiles, hangs at its end, or leaves a container behind.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packageRoot } from '../../../src/package.js';
import { Console } from '../../../src/os/console.js';
import { createFifo } from '../../../src/os/fifo.js';
import { findRuntime } from '../../../src/runtime/find-runtime.js';
import { ociRuntime } from '../../../src/runtime/oci-runtime.js';
import { writeBundle } from '../../../src/runtime/spec/default-spec.js';
import type { CopyResult } from '../../../src/stdio/copy/copy-api.js';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { startOnTty } from '../../helpers/copy/tty-process.js';
import { installPackage, typeCheck } from '../../helpers/package/installed-package.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';

const directory = installPackage({ after });
cpSync(join(packageRoot, 'examples'), directory, { recursive: true });
const examples = readdirSync(join(packageRoot, 'examples'));

test('each example compiles with the types of the package, and the README links to it', () => {
  typeCheck(directory, examples);
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  for (const name of examples) assert.ok(readme.includes(`(examples/${name})`), name);
  assert.equal(examples.length, 4);
});

test('copy-console.mjs copies a console, and attach.mjs attaches to it and detaches', async (t) => {
  const testbed = openTestbed(t);
  const [socket, stdin, stdout] = ['c.sock', 'in', 'out'].map((name) => testbed.path(name)) as [string, string, string];
  createFifo(stdin);
  createFifo(stdout);
  const copying = spawn('node', [join(directory, 'copy-console.mjs'), socket, stdin, stdout], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: testbed.env,
  });
  testbed.after(() => copying.kill('SIGKILL'));
  const outcome = outcomeOf(copying);
  await waitFor(() => existsSync(socket) || undefined, 'the socket');
  const id = testbed.newId();
  const runtime = ociRuntime({ ...findRuntime('pty'), root: testbed.path('root') });
  const script = 'stty -echo; echo ready; read -r line; echo "you typed $line"; read -r line';
  const bundle = testbed.path('bundle');
  await writeBundle(bundle, {
    ociVersion: '1.0.2',
    process: { terminal: true, args: ['/bin/sh', '-c', script], cwd: '/' },
  });
  await runtime.create(id, { bundle, consoleSocket: socket });
  testbed.after(() => runtime.delete(id, { force: true }));
  await runtime.start(id);

  const terminal = Console.open({ columns: 80, rows: 24 });
  testbed.after(() => terminal.close());
  const screen = readFrom(terminal.fd);
  testbed.after(() => screen.close());
  const attached = startOnTty(
    t,
    terminal.name,
    'exec node "$1" "$2" "$3"',
    join(directory, 'attach.mjs'),
    stdin,
    stdout,
  );
  await screen.expect('ready');
  writeSync(terminal.fd, 'hello\r');
  await screen.expect('you typed hello');
  writeSync(terminal.fd, '\x10\x11');
  await screen.expect('detached');
  assert.equal(await within(attached.exited, 'the end of attach.mjs'), 0);

  await runtime.kill(id, 'SIGKILL');
  const { status, stdout: printed, stderr } = await within(outcome, 'the end of copy-console.mjs', 20_000);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const { reason, stdinBytes } = JSON.parse(printed) as CopyResult;
  assert.deepEqual({ reason, stdinBytes }, { reason: 'hangup', stdinBytes: 6 });
});

test('run-container.mjs runs a command in a container, with its terminal and its status', {
  skip: missing('root', 'busybox', 'runc'),
}, async (t) => {
  const testbed = openTestbed(t);
  const command = [testbed.rootfs, '/bin/sh', '-c', 'tty; stty size; id -u; exit 3'];
  const { status, stdout, stderr } = await runToEnd(['node', join(directory, 'run-container.mjs'), ...command], {
    env: testbed.env,
    timeoutMs: 60_000,
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 3, stdout: '/dev/pts/0\r\n24 80\r\n0\r\n', stderr: '' });
});

test('write-log.mjs writes what a command prints to a log, and prints the log', async (t) => {
  const testbed = openTestbed(t);
  const path = testbed.path('app.log');
  const { status, stdout, stderr } = await runToEnd(
    ['node', join(directory, 'write-log.mjs'), path, 'sh', '-c', 'echo one; echo two >&2'],
    { env: testbed.env },
  );
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
  assert.match(stdout, new RegExp(`^${time} stdout: one$`, 'm'));
  assert.match(stdout, new RegExp(`^${time} stderr: two$`, 'm'));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.map((line) => (JSON.parse(line) as { stream: string }).stream).toSorted(), [
    'stderr',
    'stdout',
  ]);
});
