/*
 * The config.json that an external shim gets lies in a bundle of the shim's own. What could break: relative paths are
 * resolved in that bundle, where their files do not exist, and fields that termshim does not know are lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { movedConfig, withSize } from '../../../src/client/external-shim/bundle-config.js';

const moved = (config: object): unknown => JSON.parse(movedConfig(JSON.stringify(config), '/my/bundle'));

test('a relative root and relative bind sources are resolved in the bundle', () => {
  const proc = { destination: '/proc', type: 'proc', source: 'proc' };
  const config = {
    root: { path: 'rootfs', readonly: true },
    mounts: [
      proc,
      { destination: '/a', type: 'bind', source: 'a' },
      { destination: '/b', source: './b', options: ['ro', 'rbind'] },
      { destination: '/c', type: 'none', source: '/c', options: ['bind'] },
    ],
  };
  assert.deepEqual(moved(config), {
    root: { path: '/my/bundle/rootfs', readonly: true },
    mounts: [
      proc,
      { destination: '/a', type: 'bind', source: '/my/bundle/a' },
      { destination: '/b', source: '/my/bundle/b', options: ['ro', 'rbind'] },
      { destination: '/c', type: 'none', source: '/c', options: ['bind'] },
    ],
  });
});

test('all other fields are kept unchanged', () => {
  const config = {
    ociVersion: '1.0.2',
    process: { args: ['sh'], terminal: false },
    root: { path: '/rootfs' },
    linux: { a: 1 },
  };
  assert.deepEqual(moved(config), config);
});

test('a config with a terminal gets its size', () => {
  const { height, width } = withSize({ terminal: true }).consoleSize as { height: number; width: number };
  assert.ok(height > 0 && width > 0);
});
