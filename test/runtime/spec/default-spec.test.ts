/**
 * If the default configuration lacks something, the container is not isolated; if it has too much, a rootless runtime
 * refuses it. test/e2e/run/oci-runtime.test.ts runs all of it; these tests check the parts that depend on the options.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readBundle } from '../../../src/runtime/spec/bundle.js';
import { type DefaultSpecOptions, defaultSpec, writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const plain: DefaultSpecOptions = { rootfs: 'rootfs', args: ['sh'], terminal: false, rootless: false };

interface Linux {
  namespaces: { type: string }[];
  uidMappings?: object[];
  gidMappings?: object[];
  resources?: object;
}

function linuxOf(options: DefaultSpecOptions): Linux {
  return defaultSpec(options)['linux'] as Linux;
}

function mountOf(options: DefaultSpecOptions, destination: string): { type: string; options: string[] } | undefined {
  const mounts = defaultSpec(options)['mounts'] as { destination: string; type: string; options: string[] }[];
  return mounts.find((mount) => mount.destination === destination);
}

test('the default spec can be read as a bundle', async (t) => {
  const directory = join(temporaryDirectory(t), 'new', 'bundle');
  const spec = defaultSpec({ ...plain, hostname: 'box' });
  await writeBundle(directory, spec);
  assert.deepEqual((await readBundle(directory)).spec, spec);
  assert.equal(spec.root?.path, resolve('rootfs'));
  assert.equal(spec.hostname, 'box');
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('the default spec has a terminal, with its size, only if it is requested', () => {
  const { process } = defaultSpec({ ...plain, terminal: true, size: { columns: 132, rows: 43 } });
  assert.deepEqual([process.terminal, process.consoleSize], [true, { height: 43, width: 132 }]);
  assert.deepEqual(process.env?.slice(1), ['TERM=xterm']);
  const none = defaultSpec(plain).process;
  assert.deepEqual([none.terminal, 'consoleSize' in none, none.env?.length], [false, false, 1]);
});

test('the caller may replace PATH and TERM in the default spec', () => {
  const env = ['TERM=vt100', 'PATHS=1', 'A=b=c'];
  const { process } = defaultSpec({ ...plain, terminal: true, env, cwd: '/tmp' });
  assert.match(process.env?.[0] ?? '', /^PATH=/);
  assert.deepEqual(process.env?.slice(1), env);
  assert.equal(process.cwd, '/tmp');
});

test('the default spec isolates with namespaces and drops the capabilities that Docker drops', () => {
  const types = new Set(linuxOf(plain).namespaces.map(({ type }) => type));
  for (const type of ['pid', 'ipc', 'uts', 'mount', 'network']) assert.ok(types.has(type), type);
  assert.ok(!types.has('user'));
  assert.ok(mountOf(plain, '/dev/pts')?.options.includes('gid=5'));
  const { capabilities, noNewPrivileges } = defaultSpec(plain).process as unknown as {
    capabilities: Record<string, string[]>;
    noNewPrivileges: boolean;
  };
  assert.deepEqual(Object.keys(capabilities), ['bounding', 'effective', 'permitted']);
  assert.equal(capabilities['bounding']?.length, 14);
  assert.ok(!capabilities['bounding']?.includes('CAP_SYS_ADMIN'));
  assert.equal(noNewPrivileges, true);
});

test('the default spec of a user without root maps this user alone', () => {
  const rootless = { ...plain, rootless: true };
  const linux = linuxOf(rootless);
  assert.ok(linux.namespaces.some(({ type }) => type === 'user'));
  assert.deepEqual(linux.uidMappings, [{ containerID: 0, hostID: process.geteuid?.(), size: 1 }]);
  assert.deepEqual(linux.gidMappings, [{ containerID: 0, hostID: process.getegid?.(), size: 1 }]);
  assert.ok(!mountOf(rootless, '/dev/pts')?.options.includes('gid=5'));
  assert.ok(mountOf(rootless, '/sys')?.options.includes('rbind'));
  assert.equal(linux.resources, undefined);
});
