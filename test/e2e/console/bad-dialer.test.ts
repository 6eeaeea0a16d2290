/**
 * The tests try everything that can be wrong with the console socket and the FIFOs of `termshim copy`. What could
 * break: a dialer that sends anything but one pty master is taken for a runtime, or keeps the command waiting for ever;
 * a file that is not a FIFO is written to; the socket stays. Each test runs the command, and plays the wrong dialer or
 * creates the wrong file.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants, closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { runToEnd } from '../../helpers/base/command.js';
import { type Connection, connectTo } from '../../helpers/copy/console-offer.js';
import { startContainer } from '../../helpers/runtime/container.js';
import { startClient, startCopy } from '../../helpers/e2e/copy-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';

/** What a dialer does, and how the line about it ends. */
const wrongDialers: [what: string, act: (dialer: Connection) => void, ending: RegExp][] = [
  ['sends bytes but no descriptor', (dialer) => dialer.send('/dev/pts/0'), /no descriptor \[ERR_CONSOLE_MESSAGE\]/],
  ['sends 4096 bytes of garbage', (dialer) => dialer.send('\xff\0'.repeat(2048)), /\[ERR_CONSOLE_MESSAGE\]/],
  ['sends two consoles', sendTwo, /more than one descriptor \[ERR_CONSOLE_MESSAGE\]/],
  ['sends a hundred descriptors', sendMany, /more than one descriptor \[ERR_CONSOLE_MESSAGE\]/],
  ['sends a file', (dialer) => sendFile(dialer, '/etc/passwd'), /not a pty master \[ERR_NOT_A_CONSOLE\]/],
  ['sends /dev/null', (dialer) => sendFile(dialer, '/dev/null'), /not a pty master \[ERR_NOT_A_CONSOLE\]/],
  ['sends the tty, not the console', sendSlave, /not a pty master \[ERR_NOT_A_CONSOLE\]/],
  ['leaves', (dialer) => dialer.close(), /closed without sending a descriptor \[ERR_CONSOLE_MESSAGE\]/],
  ['says nothing', () => {}, /within 2 s \[ERR_CONSOLE_TIMEOUT\]/],
];

for (const [what, act, ending] of wrongDialers) {
  test(`copy refuses a dialer that ${what}`, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed, ['--connect-timeout', '2s']);
    startClient(testbed, copy);
    act(connectTo(testbed, copy.consoleSocket));
    const { status, stderr } = await copy.end();
    assert.match(stderr, /^termshim: no console arrived|^termshim: the descriptor/);
    assert.match(stderr, new RegExp(`${ending.source}\\n$`));
    assert.equal(stderr.split('\n').length, 2);
    assert.equal(status, 1);
  });
}

test('a silent dialer does not delay the console of another dialer', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed);
  const client = startClient(testbed, copy);
  connectTo(testbed, copy.consoleSocket);
  await startContainer('pty', testbed, { args: ['echo', 'hello'], consoleSocket: copy.consoleSocket });
  assert.equal(await client.end(), 'hello\r\n');
});

test('copy ends with an error if no runtime dials', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--connect-timeout', '2s']);
  startClient(testbed, copy);
  const { status, stderr } = await copy.end();
  assert.match(stderr, /^termshim: no console arrived at \/.*\/pty\.sock within 2 s \[ERR_CONSOLE_TIMEOUT\]\n$/);
  assert.equal(status, 1);
});

test('copy ends with an error and hangs up the console if nobody opens stdout', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--connect-timeout', '5s']);
  const hup = testbed.path('hup');
  const args = ['sh', '-c', 'trap "echo >$0; exit" HUP; while :; do sleep 0.02; done', hup];
  await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
  const { status, stderr } = await copy.end();
  assert.match(stderr, /^termshim: nobody opened .* for reading within 5 s \[ERR_FIFO_TIMEOUT\]\n$/);
  assert.equal(status, 1);
});

test('copy goes on without stdin if nobody opens it', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed);
  const output = runToEnd(['cat', copy.stdout], { env: testbed.env });
  await startContainer('pty', testbed, { args: ['echo', 'hello'], consoleSocket: copy.consoleSocket });
  assert.equal((await output).stdout, 'hello\r\n');
  assert.equal((await copy.end()).status, 0);
});

/** What stands in the place of a FIFO or of the socket. */
const wrongPaths: [what: string, args: (testbed: Testbed) => string[], ending: RegExp][] = [
  [
    'a stdin that is a file',
    (testbed) => copyArgs(testbed, { stdin: file(testbed) }),
    /is not a FIFO \[ERR_FIFO_INVALID\]/,
  ],
  [
    'a stdout that is a file',
    (testbed) => copyArgs(testbed, { stdout: file(testbed) }),
    /is not a FIFO \[ERR_FIFO_INVALID\]/,
  ],
  ['a stdin that is missing', (testbed) => copyArgs(testbed, { stdin: '/nowhere' }), /\/nowhere \[ERR_FIFO_INVALID\]/],
  [
    'a stdout that is missing',
    (testbed) => copyArgs(testbed, { stdout: '/nowhere' }),
    /\/nowhere \[ERR_FIFO_INVALID\]/,
  ],
  [
    'a socket path of 108 bytes',
    (testbed) => [...copyArgs(testbed), '--console-socket', `/tmp/${'s'.repeat(103)}`],
    /108 bytes.* \[ERR_SOCKET_PATH_TOO_LONG\]/,
  ],
  [
    'a socket path that is a file',
    (testbed) => [...copyArgs(testbed), '--console-socket', file(testbed)],
    /already exists.* \[ERR_SOCKET_IN_USE\]/,
  ],
  [
    'a socket in a directory that does not exist',
    (testbed) => [...copyArgs(testbed), '--console-socket', testbed.path('nowhere/s')],
    /nowhere\/s: no such file or directory.* \[ERR_SYSTEM\]/,
  ],
  [
    'a pid that nobody has',
    (testbed) => [...copyArgs(testbed), '--pid', '4194303'],
    /4194303 \[ERR_PROCESS_NOT_FOUND\]/,
  ],
  [
    'a pid file in a directory that does not exist',
    (testbed) => [...copyArgs(testbed), '--pid-file', testbed.path('nowhere/p')],
    /nowhere\/p.* \[(ERR_SYSTEM|ENOENT)\]/,
  ],
  [
    'a recvtty socket path of 108 bytes',
    () => ['recvtty', `/tmp/${'s'.repeat(103)}`],
    /108 bytes.* \[ERR_SOCKET_PATH_TOO_LONG\]/,
  ],
];

for (const [what, args, ending] of wrongPaths) {
  test(`copy refuses ${what}`, async (t) => {
    const testbed = openTestbed(t);
    const { stderr, status } = await runToEnd([termshimProgram, ...args(testbed)], {
      env: testbed.env,
      timeoutMs: 3000,
    });
    assert.match(stderr, new RegExp(`^termshim: [^\\n]*${ending.source}\\n$`));
    assert.equal(status, 1);
  });
}

test('copy takes a socket path of at most 107 bytes', async (t) => {
  const testbed = openTestbed(t);
  const path = testbed.path('s'.repeat(107 - testbed.directory.length - 1));
  assert.equal(Buffer.byteLength(path), 107);
  const copy = await startCopy(testbed, ['--console-socket', path]);
  const client = startClient(testbed, copy);
  await startContainer('pty', testbed, { args: ['echo', 'hello'], consoleSocket: path });
  assert.equal(await client.end(), 'hello\r\n');
});

test('copy refuses a temporary directory whose path is too long for a socket', async (t) => {
  const testbed = openTestbed(t);
  const place = testbed.path('d'.repeat(100));
  spawnSync('mkdir', [place]);
  const env = { ...testbed.env, XDG_RUNTIME_DIR: place };
  const { stderr, status } = await runToEnd([termshimProgram, ...copyArgs(testbed)], { env });
  assert.match(stderr, /^termshim: .* \[ERR_SOCKET_PATH_TOO_LONG\]\n$/);
  assert.equal(status, 1);
  assert.deepEqual(spawnSync('find', [place, '-name', 'pty*']).stdout.toString(), '');
});

test('copy does not replace the socket of another copy', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--console-socket', testbed.path('s')]);
  const args = [...copyArgs(testbed), '--console-socket', copy.consoleSocket];
  const { stderr, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
  assert.match(stderr, /^termshim: .* \[ERR_SOCKET_IN_USE\]\n$/);
  assert.equal(status, 1);
  assert.equal(existsSync(copy.consoleSocket), true);
  const client = startClient(testbed, copy);
  await startContainer('pty', testbed, { args: ['echo', 'hello'], consoleSocket: copy.consoleSocket });
  assert.equal(await client.end(), 'hello\r\n');
});

function sendTwo(dialer: Connection): void {
  const [one, two] = [Console.open(), Console.open()];
  dialer.send(one.name, one.fd, two.fd);
  one.close();
  two.close();
}

function sendMany(dialer: Connection): void {
  const one = Console.open();
  dialer.send(one.name, ...Array.from({ length: 100 }, () => one.fd));
  one.close();
}

function sendSlave(dialer: Connection): void {
  const console = Console.open();
  sendFile(dialer, console.name);
  console.close();
}

function sendFile(dialer: Connection, path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  dialer.send(path, fd);
  closeSync(fd);
}

/** The command line with two FIFOs, or what stands in their place. */
function copyArgs(testbed: Testbed, paths: { stdin?: string; stdout?: string } = {}): string[] {
  const { stdin = testbed.path('in'), stdout = testbed.path('out') } = paths;
  spawnSync('mkfifo', [testbed.path('in'), testbed.path('out')]);
  return ['copy', '--stdin', stdin, '--stdout', stdout];
}

function file(testbed: Testbed): string {
  writeFileSync(testbed.path('file'), '');
  return testbed.path('file');
}
