/**
 * Two containers share a daemon exactly if their sockets have the same name. Names that collide would give containers
 * of two namespaces the same daemon; test/shim/launcher/launcher.test.ts compares the names with those of the launcher.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromAddress, groupOf, socketDirectory, socketPath, toAddress } from '../../src/shim/address.js';
import { isError } from '../helpers/copy/dialer.js';

const key = { address: '/run/containerd/containerd.sock', namespace: 'default', group: '' };

test('the name of a socket is FNV-1a over address, namespace and group', () => {
  // Computed by another program, once.
  assert.equal(socketPath({ address: 'a', namespace: '', group: '' }), `${socketDirectory}/termshim-e5d2f7190427066c`);
  assert.equal(socketPath(key), `${socketDirectory}/termshim-585e9cba44a07116`);
});

test('names differ if the same text is divided differently into address, namespace and group', () => {
  const texts = ['', 'a', 'ab', 'b', 'aa'];
  const keys = texts.flatMap((address) =>
    texts.flatMap((namespace) => texts.map((group) => ({ address, namespace, group }))),
  );
  assert.equal(new Set(keys.map(socketPath)).size, keys.length);
});

test('a path becomes an address, and the address is parsed to the same path', () => {
  assert.equal(fromAddress(toAddress('/run/x')), '/run/x');
  for (const text of ['', '/run/x', 'unix://', 'unix://x', 'vsock://1:2']) assert.equal(fromAddress(text), undefined);
});

test('the group is empty by default, and the id if each container has its own', async (t) => {
  const before = process.env['TERMSHIM_GROUP'];
  t.after(() => {
    if (before === undefined) delete process.env['TERMSHIM_GROUP'];
    else process.env['TERMSHIM_GROUP'] = before;
  });
  for (const [setting, group] of [
    ['', ''],
    ['namespace', ''],
    ['container', 'c1'],
  ] as const) {
    process.env['TERMSHIM_GROUP'] = setting;
    assert.equal(await groupOf('c1', '/nonexistent'), group);
  }
  process.env['TERMSHIM_GROUP'] = 'Pod';
  await assert.rejects(
    groupOf('c1', '/nonexistent'),
    isError('ERR_GROUP_INVALID', /namespace, container or pod, but it is "Pod"/),
  );
});
