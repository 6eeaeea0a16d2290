/*
 * Every process of a container sees a root filesystem that is mounted wrongly: a layer in the wrong order, a missing
 * flag, or a file of the host where a link in an image led. The tests make mounts of each kind as root, and compare
 * them with what the kernel lists. Images have more layers than mount(2) has room for.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { bind, bindAt, mountTest, mountsAt, overlay, tmpfs, tmpfsAt } from '../../helpers/base/mounts.js';

function assertFlags(path: string, expected: readonly string[], unexpected: readonly string[] = []): void {
  const flags = mountsAt(path).at(-1)?.flags ?? [];
  for (const flag of expected) assert.ok(flags.includes(flag), `${flag} is missing: ${flags.join()}`);
  for (const flag of unexpected) assert.ok(!flags.includes(flag), `${flag} is there: ${flags.join()}`);
}

mountTest('tmpfs is mounted with its own options and the flags of the mount', async ({ root }) => {
  await mountAll([tmpfs('size=1m', 'nosuid', 'nodev', 'noexec', 'noatime', 'mode=700')], root);
  assertFlags(root, ['rw', 'nosuid', 'nodev', 'noexec', 'noatime']);
  writeFileSync(join(root, 'small'), Buffer.alloc(1000));
  assert.throws(() => writeFileSync(join(root, 'big'), Buffer.alloc(2_000_000)), { code: 'ENOSPC' });
});

describe('overlay', () => {
  mountTest('merges layers, and writes to the upper one', async ({ root, make, path }) => {
    const [above, below] = [make('above'), make('below')];
    writeFileSync(join(below, 'name'), 'below');
    writeFileSync(join(below, 'only'), 'below');
    writeFileSync(join(above, 'name'), 'above');
    const [upper, work] = [`upperdir=${make('upper')}`, `workdir=${make('work')}`];
    await mountAll([overlay('index=off', work, upper, `lowerdir=${above}:${below}`)], root);
    writeFileSync(join(root, 'new'), 'new');
    assert.equal(readFileSync(join(root, 'name'), 'utf8'), 'above');
    assert.equal(readFileSync(join(root, 'only'), 'utf8'), 'below');
    assert.deepEqual(readdirSync(path('upper')), ['new']);
  });

  mountTest('mounts sixty layers whose paths are longer than a page', async ({ root, make }) => {
    const layers = Array.from({ length: 60 }, (_, i) => make(`${'long'.repeat(30)}/snapshots-${i}/fs`));
    layers.forEach((layer, i) => {
      writeFileSync(join(layer, `file-${i}`), '');
      writeFileSync(join(layer, 'same'), String(i));
    });
    const options = [`workdir=${make('work')}`, `upperdir=${make('upper')}`, `lowerdir=${layers.join(':')}`];
    assert.ok(options.join().length > 2 * 4096);
    await mountAll([overlay(...options)], root);
    assert.equal(readdirSync(root).length, 61);
    assert.equal(readFileSync(join(root, 'same'), 'utf8'), '0', 'the first is the uppermost');
  });

  mountTest('mounts sixty layers whose paths have colons, commas and backslashes', async ({ root, make }) => {
    const layers = Array.from({ length: 60 }, (_, i) => make(`a:b,c\\d ${'long'.repeat(30)}-${i}`));
    layers.forEach((layer, i) => mkdirSync(join(layer, `in-${i}`)));
    const escaped = layers.map((layer) => layer.replaceAll(/[\\:,]/g, String.raw`\$&`));
    await mountAll([overlay(`lowerdir=${escaped.join(':')}`)], root);
    assert.equal(readdirSync(root).length, 60);
  });
});

describe('bind', () => {
  mountTest('mounts one file system, and rbind also what is mounted in it', async ({ root, make, after }) => {
    const [source, inner] = [make('source'), make('source/inner')];
    await mountAll([tmpfs()], inner);
    after(() => unmountAll(inner));
    writeFileSync(join(inner, 'file'), '');
    await mountAll([bind(source, 'bind', 'rw')], root);
    assert.deepEqual(readdirSync(join(root, 'inner')), []);
    await unmountAll(root);
    await mountAll([bind(source, 'rbind', 'rw')], root);
    assert.deepEqual(readdirSync(join(root, 'inner')), ['file']);
  });

  mountTest('has its own flags and not those of its source', async ({ root, make }) => {
    const source = make('source');
    await mountAll([bind(source, 'rbind', 'ro', 'nosuid', 'noexec')], root);
    assertFlags(root, ['ro', 'nosuid', 'noexec'], ['nodev']);
    assert.throws(() => writeFileSync(join(root, 'file'), ''), { code: 'EROFS' });
    writeFileSync(join(source, 'file'), '');
  });

  mountTest('keeps a flag that its source locks unless an option clears it by name', async ({ root, make, after }) => {
    const source = make('source');
    await mountAll([tmpfs('nosuid', 'nodev', 'noatime')], source);
    after(() => unmountAll(source));
    await mountAll([bind(source, 'bind', 'ro')], root);
    assertFlags(root, ['ro', 'nosuid', 'nodev', 'noatime'], ['noexec']);
    await unmountAll(root);
    await mountAll([bind(source, 'bind', 'noexec', 'dev')], root);
    assertFlags(root, ['rw', 'nosuid', 'noexec'], ['nodev']);
  });
});

mountTest('a remount changes the mount at its target', async ({ root }) => {
  await mountAll([tmpfs('nodev'), tmpfs('remount', 'ro', 'nodev')], root);
  assert.equal(mountsAt(root).length, 1);
  assertFlags(root, ['ro', 'nodev']);
});

describe('propagation', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['shared', /^shared:\d+$/],
    ['rshared', /^shared:\d+$/],
    ['shared,slave', /^master:\d+$/],
    ['rshared,rslave,rshared', /^shared:\d+ master:\d+$/],
    ['shared,private', /^$/],
    ['rshared,rprivate', /^$/],
    ['unbindable', /^unbindable$/],
    ['runbindable', /^unbindable$/],
  ];
  for (const [options, expected] of rows) {
    mountTest(`follows the options ${options} in their order`, async ({ root, make, after }) => {
      const source = make('source');
      await mountAll([tmpfs('shared')], source);
      after(() => unmountAll(source));
      await mountAll([bind(source, 'bind', 'nosuid', 'rw', ...options.split(','))], root);
      assert.match(mountsAt(root)[0]?.propagation.join(' ') ?? '', expected);
      assertFlags(root, ['nosuid']);
    });
  }
});

describe('a target', () => {
  mountTest('may lie in an earlier mount', async ({ root, make }) => {
    const source = make('source', 'image/inner/most');
    writeFileSync(join(source, 'file'), '');
    await mountAll([bind(make('image'), 'rbind'), bindAt('/inner/most', source, 'rbind', 'ro')], root);
    assert.deepEqual(readdirSync(join(root, 'inner/most')), ['file']);
    assertFlags(join(root, 'inner/most'), ['ro']);
    writeFileSync(join(root, 'file'), '');
  });

  mountTest('may be a file', async ({ root, path }) => {
    writeFileSync(path('source'), 'content');
    writeFileSync(join(root, 'file'), '');
    await mountAll([bindAt('file', path('source'), 'bind')], root);
    assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'content');
  });

  mountTest('is never outside of the root, wherever links and dots lead', async ({ directory, root, make, path }) => {
    make('outside', 'root/outside');
    symlinkSync(path('outside'), join(root, 'absolute'));
    symlinkSync('../../outside', join(root, 'relative'));
    mkdirSync(join(root, path('outside')), { recursive: true });
    for (const target of ['absolute', 'relative', '../outside', '/../../outside', 'outside/../../../outside']) {
      await mountAll([tmpfsAt(target)], root);
      assert.equal(mountsAt(root).length, 1, target);
      assert.equal(mountsAt(directory).length, 1, target);
      await unmountAll(root);
    }
  });

  mountTest('that leads nowhere else is the root itself', async ({ root }) => {
    await mountAll([tmpfsAt('..'), tmpfsAt('/'), tmpfsAt('.'), tmpfsAt('')], root);
    assert.deepEqual(
      mountsAt(root).map(({ point }) => point),
      [root, root, root, root],
    );
  });
});
