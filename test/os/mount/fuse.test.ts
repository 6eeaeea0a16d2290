/*
 * A FUSE program can serve a root filesystem. What could break: the program stays when its container is gone, a helper
 * hangs, or the program stops answering: then every access to the mount waits in the kernel, and an access on the main
 * thread of a daemon stops all of its containers. The tests mount, stop and kill real programs, while a timer shows
 * that this thread goes on.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mount } from '../../../src/os/mount/mount.js';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { ext4Image, loopDevicesOf, smallTree, squashfsImage } from '../../helpers/runtime/images.js';
import { bindAt, mountTest, mountsAt, type MountTestbed, tmpfs } from '../../helpers/base/mounts.js';
import { sleepsIn } from '../../helpers/base/process-state.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const fuse = (program: string, source: string, ...options: string[]): Mount => ({ type: program, source, options });

/** Of the processes whose environment says that they were started for the root. */
function programsOf(root: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environment = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/environ`, 'latin1').split('\0') : [];
      return environment.includes(`TERMSHIM_MOUNT=${root}`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A program in the PATH from now on. */
function addProgram({ make, after }: MountTestbed, name: string, script: string): void {
  const directory = make('bin');
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${directory}${delimiter}${before}`;
  after(() => (process.env['PATH'] = before));
}

/** How often this thread came to its other work since. While it waits in the kernel it never does. */
function watchThread({ after }: MountTestbed): () => number {
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  after(() => clearInterval(timer));
  return () => turns;
}

for (const type of ['fuse.bindfs', 'fuse3.bindfs']) {
  mountTest(
    `${type} mounts with its options until it is unmounted`,
    async ({ directory, root }) => {
      await mountAll([fuse(type, smallTree(directory), 'ro', 'force-user=7', 'nosuid')], root);
      assert.equal(readFileSync(join(root, 'hello'), 'utf8'), 'hello\n');
      assert.throws(() => writeFileSync(join(root, 'new'), ''), { code: 'EROFS' });
      assert.ok(mountsAt(root)[0]?.flags.includes('nosuid'));
      assert.equal(programsOf(root).length, 1);
      await unmountAll(root);
      assert.deepEqual(programsOf(root), [], 'the program has ended');
    },
    'fusePrograms',
  );
}

mountTest(
  'squashfuse mounts an image below another mount, and a bind mount shows its files',
  async (testbed) => {
    const { directory, root } = testbed;
    const image = squashfsImage(directory);
    await mountAll([tmpfs()], root);
    mkdirSync(join(root, 'a b'));
    writeFileSync(join(root, 'file'), '');
    const below: Mount = { ...fuse('fuse3.squashfuse', image), target: 'a b' };
    await mountAll([below, bindAt('file', join(root, 'a b/hello'), 'bind', 'ro')], root);
    assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'hello\n');
    await unmountAll(root);
    assert.deepEqual([mountsAt(root), programsOf(root)], [[], []]);
  },
  'fusePrograms',
);

mountTest(
  'the error has the message of a program that fails, and the name of a missing one',
  async (testbed) => {
    const { directory, root } = testbed;
    const failed = (message: RegExp) => ({ code: 'ERR_MOUNT_FAILED', message });
    const attempt = (mount: Mount): Promise<void> => mountAll([tmpfs(), mount], root);
    const tree = smallTree(directory);
    await assert.rejects(
      attempt(fuse('fuse3.bindfs', tree, 'no-such=1')),
      failed(/bindfs .*root: mount\.fuse3: .*no-such/),
    );
    await assert.rejects(attempt(fuse('fuse3.not-there', 'x')), failed(/: mount\.fuse3: .*not-there.*not found/));
    addProgram(testbed, 'silent', 'exit 3');
    await assert.rejects(attempt(fuse('fuse.silent', 'x')), failed(/: mount\.fuse: it printed no message$/));
    addProgram(testbed, 'mounts-and-fails', 'bindfs "$@" || exit; echo half done >&2; exit 1');
    await assert.rejects(attempt(fuse('fuse3.mounts-and-fails', tree)), failed(/: mount\.fuse3: half done$/));
    assert.deepEqual([mountsAt(root), programsOf(root)], [[], []]);
  },
  'fusePrograms',
);

mountTest(
  'a helper that hangs is killed after the timeout, or by a signal, and blocks no other mount',
  async (testbed) => {
    const { root } = testbed;
    addProgram(testbed, 'hangs', 'sleep 1000 & sleep 1000');
    const turns = watchThread(testbed);
    const late = mountAll([tmpfs(), fuse('fuse3.hangs', 'x')], root, { timeoutMs: 500 });
    await assert.rejects(late, { errno: 'ETIMEDOUT', message: /^cannot mount fuse3\.hangs x at .*within 500 ms$/ });
    assert.deepEqual([mountsAt(root), programsOf(root)], [[], []]);
    const abort = new AbortController();
    const called = mountAll([tmpfs(), fuse('fuse3.hangs', 'x')], root, { signal: abort.signal });
    await waitFor(() => programsOf(root).length > 0, 'the program');
    abort.abort(new Error('given up'));
    await assert.rejects(called, { message: 'given up' });
    assert.deepEqual([mountsAt(root), programsOf(root)], [[], []]);
    assert.ok(turns() > 1, 'this thread never waits');
  },
  'fusePrograms',
);

mountTest(
  'a mount whose program has stopped is unmounted, and the program is killed',
  async (testbed) => {
    const { directory, root } = testbed;
    await mountAll([fuse('fuse3.bindfs', smallTree(directory), 'attr_timeout=0', 'entry_timeout=0')], root);
    const [pid = 0] = programsOf(root);
    process.kill(pid, 'SIGSTOP');
    const stuck = spawn('ls', ['-l', join(root, 'hello')], { stdio: 'ignore' });
    const ended = once(stuck, 'exit');
    await waitFor(() => sleepsIn(stuck.pid as number, /fuse|request_wait/), 'somebody to wait for it');
    const turns = watchThread(testbed);
    // Another in the same process is not kept waiting.
    const [other, beside] = [testbed.make('other'), testbed.make('beside')];
    testbed.after(() => unmountAll(other));
    const below = mountAll([{ ...bindAt('hello', beside, 'bind') }], root, { timeoutMs: 1500 });
    await within(mountAll([tmpfs()], other), 'the other mount');
    await assert.rejects(below, { code: 'ERR_MOUNT_FAILED' });
    await within(unmountAll(root, 1000), 'the end', 10_000);
    await within(ended, 'the end of whoever waited');
    assert.deepEqual([mountsAt(root), programsOf(root)], [[], []]);
    assert.ok(turns() > 1, 'this thread never waits');
  },
  'fusePrograms',
);

mountTest(
  'kill -9 of the mounter leaves no mount, loop device or program behind',
  async (testbed) => {
    const { directory, root } = testbed;
    const image = ext4Image(directory);
    addProgram(testbed, 'hangs', 'sleep 1000');
    const fixture = fileURLToPath(new URL('../../fixtures/os/mount-and-wait.js', import.meta.url));
    const child = spawn(process.execPath, [fixture, directory, image], { stdio: 'inherit' });
    await waitFor(() => programsOf(root).length > 0, 'the program');
    assert.deepEqual([mountsAt(root).length, loopDevicesOf(image).length], [2, 1]);
    child.kill('SIGKILL');
    await waitFor(() => mountsAt(root).length + programsOf(root).length === 0, 'all to be undone');
    await waitFor(() => loopDevicesOf(image).length === 0, 'the loop device to go');
    assert.ok(existsSync(root));
  },
  'fusePrograms',
  'disk',
);
