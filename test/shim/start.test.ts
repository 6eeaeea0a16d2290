/**
 * containerd calls `start`. Two starts may find at the same time that there is no daemon, or the same dead socket, and
 * only one of them may act; anything that is printed beside the address corrupts it; a failure may leave a daemon or a
 * socket behind. The tests force each case, through the launcher and without it, with real daemons.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { socketDirectory, toAddress } from '../../src/shim/address.js';
import { reserve } from '../../src/shim/daemon-client.js';
import { Code, RpcError } from '../../src/ttrpc/status.js';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { isError } from '../helpers/copy/dialer.js';
import { missing } from '../helpers/base/requirement.js';
import { type ShimCaller, shimCaller, shimPath, shimScript } from '../helpers/shim/shim.js';
import { serveRaw, serveShim } from '../helpers/shim/shim-server.js';

const skip = missing('root');

const programs = { launcher: [shimPath], 'Node alone': [process.execPath, '--no-warnings', shimScript] };

/** The socket of a daemon that was killed. */
function leaveSocket(t: { after(undo: () => unknown): void }, path: string): void {
  serveShim(t, path).close();
  assert.ok(existsSync(path));
}

function assertNothingLeft(shim: ShimCaller, id: string, socket: string): void {
  assert.deepEqual(shim.daemons(), []);
  assert.equal(existsSync(socket), false, 'a socket is left');
  assert.equal(existsSync(join(shim.makeBundle(id), 'address')), false, 'an address is left');
}

for (const [name, program] of Object.entries(programs)) {
  test(`${name}: the first start creates a daemon, and the second finds it`, { skip }, async (t) => {
    const shim = shimCaller(t);
    const socket = shim.socketOf();
    const answer = { stdout: toAddress(socket), stderr: '', status: 0 };
    assert.deepEqual(await shim.call('c1', ['start'], { program }), answer);
    assert.equal(readFileSync(join(shim.makeBundle('c1'), 'address'), 'utf8'), toAddress(socket));
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const daemons = shim.daemons();
    assert.equal(daemons.length, 1);
    assert.deepEqual(await shim.call('c2', ['-debug', 'start'], { program }), answer);
    assert.deepEqual(shim.daemons(), daemons);
  });

  test(`${name}: twenty starts at a dead socket create one daemon`, { skip }, async (t) => {
    const shim = shimCaller(t);
    leaveSocket(t, shim.socketOf());
    const ids = Array.from({ length: 20 }, (_, i) => `c${i}`);
    const answers = await Promise.all(ids.map((id) => shim.call(id, ['start'], { program })));
    const answer = { stdout: toAddress(shim.socketOf()), stderr: '', status: 0 };
    assert.deepEqual(
      answers,
      ids.map(() => answer),
    );
    assert.equal(shim.daemons().length, 1);
  });
}

test('a daemon inherits what it needs, and nothing else', { skip }, async (t) => {
  const shim = shimCaller(t);
  const environment = { TTRPC_ADDRESS: '/run/c.ttrpc', NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' };
  await shim.call('c1', ['-debug', 'start'], { environment });
  const [pid = 0] = shim.daemons();
  const read = (name: string): string[] => readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0').slice(0, -1);
  const { address, namespace } = shim;
  const words = [
    '--namespace',
    namespace,
    '--address',
    address,
    '--socket',
    shim.socketOf(),
    '--reserve',
    'c1',
    '--debug',
  ];
  assert.deepEqual(read('cmdline').slice(3), words);
  assert.ok(read('environ').includes('TTRPC_ADDRESS=/run/c.ttrpc'));
  assert.ok(!read('environ').some((it) => it.startsWith('NODE_EXTRA_CA_CERTS')));
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
  const session = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')[3];
  assert.equal(Number(session), pid, 'no session of its own');
  const score = (process: number | 'self'): number => Number(readFileSync(`/proc/${process}/oom_score_adj`, 'utf8'));
  assert.equal(score(pid), Math.min(score('self') + 1, 1000));
  const descriptors = openDescriptors(pid);
  for (const fd of [0, 1, 2]) assert.ok(descriptors.includes(`${fd} -> /dev/null`));
  assert.match(descriptors.find((it) => it.startsWith('3 ')) ?? '', /socket:/);
  assert.ok(!descriptors.some((it) => it.endsWith(socketDirectory)), 'it holds the lock');
});

test('a start waits for a daemon that is about to end, and creates another', { skip }, async (t) => {
  const shim = shimCaller(t);
  const socket = shim.socketOf();
  const server = serveShim(t, socket, {
    onReserve() {
      setTimeout(() => {
        rmSync(socket, { force: true });
        server.close();
      }, 50);
      throw new RpcError(Code.Unavailable, 'about to end');
    },
  });
  assert.equal((await shim.call('c1', ['start'])).stdout, toAddress(socket));
  assert.equal(shim.daemons().length, 1);
});

test('warnings of Node are not in the answer of start', { skip }, async (t) => {
  const shim = shimCaller(t);
  const environment = { NODE_OPTIONS: '--experimental-loader=data:text/javascript,', NODE_PENDING_DEPRECATION: '1' };
  const answer = { stdout: toAddress(shim.socketOf()), stderr: '', status: 0 };
  assert.deepEqual(await shim.call('c1', ['start'], { environment }), answer);
});

const group = 'io.containerd.runc.v2.group';
const sandbox = 'io.kubernetes.cri.sandbox-id';

function configOf(annotations?: Record<string, string>): string {
  return JSON.stringify({ ociVersion: '1.0.2', process: { args: ['sh'], cwd: '/' }, annotations });
}

test('TERMSHIM_GROUP=pod: the containers of a pod share a daemon', { skip }, async (t) => {
  const shim = shimCaller(t);
  const environment = { TERMSHIM_GROUP: 'pod' };
  const start = async (id: string, annotations?: Record<string, string>): Promise<string> => {
    shim.makeBundle(id, configOf(annotations));
    return (await shim.call(id, ['start'], { environment })).stdout;
  };
  assert.equal(await start('pod1', { [sandbox]: 'pod1' }), toAddress(shim.socketOf('pod1')));
  assert.equal(await start('c1', { [sandbox]: 'pod1' }), toAddress(shim.socketOf('pod1')));
  assert.equal(await start('c2', { [group]: 'mine' }), toAddress(shim.socketOf('mine')));
  const intruder = { [sandbox]: 'pod1', [group]: 'mine' };
  assert.equal(await start('c5', intruder), toAddress(shim.socketOf('pod1')), 'a pod does not choose the daemon');
  assert.equal(await start('c3', { other: 'x' }), toAddress(shim.socketOf('c3')));
  assert.equal(await start('c4'), toAddress(shim.socketOf('c4')));
  assert.equal(shim.daemons().length, 4);
});

test('TERMSHIM_GROUP=container: each container has a daemon of its own', { skip }, async (t) => {
  const shim = shimCaller(t);
  const environment = { TERMSHIM_GROUP: 'container' };
  for (const id of ['c1', 'c2']) {
    leaveSocket(t, shim.socketOf(id));
    const { stdout } = await shim.call(id, ['start'], { environment });
    assert.equal(stdout, toAddress(shim.socketOf(id)));
  }
  assert.equal(shim.daemons().length, 2);
});

const failures: [
  title: string,
  TERMSHIM_GROUP: string,
  prepare: (bundle: string, socket: string) => void,
  line: RegExp,
][] = [
  ['another group', 'pods', () => {}, /TERMSHIM_GROUP must be .* "pods" \[ERR_GROUP_INVALID\]/],
  ['a pod without a config.json', 'pod', () => {}, /config\.json: the file does not exist \[ERR_BUNDLE_INVALID\]/],
  ['a bundle that cannot be written to', '', (bundle) => mkdirSync(join(bundle, 'address')), /address.*\[ERR_SYSTEM\]/],
  ['a socket that cannot be made', 'container', (_, socket) => mkdirSync(socket), /remove the socket.*\[ERR_SYSTEM\]/],
];

for (const [title, TERMSHIM_GROUP, prepare, line] of failures) {
  test(`a failed start prints one line and leaves nothing behind: ${title}`, { skip }, async (t) => {
    const shim = shimCaller(t);
    const socket = shim.socketOf(TERMSHIM_GROUP === 'container' ? 'c1' : '');
    prepare(shim.makeBundle('c1'), socket);
    const { stdout, stderr, status } = await shim.call('c1', ['start'], { environment: { TERMSHIM_GROUP } });
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    assert.match(stderr, /^termshim: [^\n]+\n$/);
    assert.match(stderr, line);
    if (title !== 'a socket that cannot be made') assertNothingLeft(shim, 'c1', socket);
  });
}

test('broken JSON in the config.json of a pod is an error that says where it is', { skip }, async (t) => {
  const shim = shimCaller(t);
  const bundle = shim.makeBundle('c1', '{\n  "ociVersion": }');
  const { stderr, status } = await shim.call('c1', ['start'], { environment: { TERMSHIM_GROUP: 'pod' } });
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`^termshim: ${bundle}/config\\.json:2:17: not JSON: [^\n]* \\[ERR_BUNDLE_INVALID\\]\n$`),
  );
  assertNothingLeft(shim, 'c1', shim.socketOf('c1'));
  assert.deepEqual(readdirSync(bundle), ['config.json']);
});

test('start fails if the daemon does not answer', { skip }, async (t) => {
  const socket = shimCaller(t).socketOf();
  await serveRaw(t, socket, () => {});
  const words = new RegExp(`the daemon at ${socket} did not accept a container within 0.2 s: .*did not answer`);
  await assert.rejects(reserve(socket, 'c1', 200), isError('ERR_DAEMON_FAILED', words));
});

test('wrong arguments of start cause one line of error', { skip }, async (t) => {
  const shim = shimCaller(t);
  for (const [words, reason] of [
    [[], 'a command is missing: containerd calls this program with start or delete'],
    [['stop'], 'unknown command "stop": the commands are start and delete'],
    [['-id', '', 'start'], '-id is missing'],
    [['-namespace', '', 'start'], '-namespace is missing'],
  ] as const) {
    const { stdout, stderr, status } = await shim.call('c1', words);
    assert.deepEqual(
      { stdout, stderr, status },
      { stdout: '', stderr: `termshim: ${reason} [ERR_SHIM_USAGE]\n`, status: 1 },
    );
  }
  assert.match(
    (await shim.call('c1', ['-what', 'start'])).stderr,
    /^termshim: Unknown option '--what' \[ERR_SHIM_USAGE\]\n$/,
  );
});
