/*
 * The launcher asks the process that listens at the name of the daemon's socket, so only root may be able to write to
 * the directory. What could break: the launcher dials the socket of another user, and gives containerd its address. In
 * a mount namespace the test replaces the directory of the sockets by another, with a server that answers yes.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { socketDirectory, toAddress } from '../../../src/shim/address.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimCaller, shimPath } from '../../helpers/shim/shim.js';
import { serveShim } from '../../helpers/shim/shim-server.js';

const skip = missing('root');

function setUp(t: TestContext) {
  const shim = shimCaller(t);
  const directory = join(shim.directory, 's');
  mkdirSync(directory, { mode: 0o700 });
  const server = serveShim(t, join(directory, basename(shim.socketOf())));
  const mounting = `mount --bind "$0" ${socketDirectory} && exec "$@"`;
  const unshare = ['unshare', '--mount', 'sh', '-c', mounting, directory];
  const start = () => shim.call('c1', ['start'], { program: [...unshare, shimPath] });
  return { directory, server, start, answer: toAddress(shim.socketOf()) };
}

test('the launcher asks a daemon in a directory that only root may write to', { skip }, async (t) => {
  const { server, start, answer } = setUp(t);
  assert.deepEqual(await start(), { stdout: answer, stderr: '', status: 0 });
  assert.deepEqual(server.reserved, ['c1']);
});

for (const [title, change, words] of [
  ['everybody may write to', (path: string) => chmodSync(path, 0o777), /other users may write to/],
  ['everybody may write to, and its sticky bit', (path: string) => chmodSync(path, 0o1777), /other users may write to/],
  ['a group may write to', (path: string) => chmodSync(path, 0o770), /other users may write to/],
  ['is another user’s', (path: string) => chownSync(path, 65_534, 65_534), /not a directory of this user/],
] as const) {
  test(`the launcher asks no daemon in a directory that ${title}`, { skip }, async (t) => {
    const { directory, server, start } = setUp(t);
    change(directory);
    const { stdout, stderr, status } = await start();
    assert.match(stderr, words);
    assert.match(stderr, / \[ERR_DIRECTORY_UNSAFE\]\n$/);
    assert.deepEqual({ stdout, status, reserved: server.reserved }, { stdout: '', status: 1, reserved: [] });
  });
}
