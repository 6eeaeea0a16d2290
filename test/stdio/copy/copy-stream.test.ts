/*
 * `attach` and `recvtty` copy in one direction, from any kind of descriptor to any other: stdin may be a terminal, a
 * pipe, a file or /dev/null. Each kind ends in its own way and returns its bytes in its own portions; a terminal that
 * is not raw returns one line at a time, and reports several lines only once. The tests copy each kind.
 */
import assert from 'node:assert/strict';
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type StreamCopy, copyStream } from '../../../src/stdio/copy/copy-stream.js';
import { fifoPair } from '../../helpers/copy/fifo-pair.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { within } from '../../helpers/base/wait-for.js';
import { writeAll } from '../../helpers/copy/write-all.js';

const { O_RDONLY, O_WRONLY, O_RDWR, O_NOCTTY, O_NONBLOCK, O_CREAT } = constants;

function opened(scope: Scope, path: string, flags: number): OwnedFd {
  const owned = OwnedFd.open(path, flags | O_NONBLOCK, path);
  scope.after(() => owned.close());
  return owned;
}

function openPty(scope: Scope): { master: OwnedFd; tty: OwnedFd } {
  const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
  scope.after(() => master.close());
  return { master, tty: opened(scope, `/dev/pts/${addon.tty_pts_number(master.fd)}`, O_RDWR | O_NOCTTY) };
}

/** Copies until it ends; `ended` tells how. */
function start(scope: Scope, source: OwnedFd, sink: OwnedFd): { copy: StreamCopy; ended(): Promise<string | Error> } {
  let count = 0;
  let copy: StreamCopy | undefined;
  const ended = new Promise<string | Error>((resolve) => {
    copy = copyStream({
      source: source.fd,
      sink: sink.fd,
      onEnd(end) {
        assert.equal(++count, 1, 'the end was told twice');
        resolve(end);
      },
    });
  });
  scope.after(() => copy?.close());
  return { copy: copy as StreamCopy, ended: () => within(ended, 'the end of the copy', 3000) };
}

describe('a copy', () => {
  leakTest('reads a megabyte from a pipe to its end', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { copy, ended } = start(scope, from.reader, to.writer);
    const screen = readFrom(to.reader.fd);
    scope.after(() => screen.close());
    const sent = pattern(1_000_000);
    await writeAll(from.writer.fd, sent);
    from.writer.close();
    assert.equal(await ended(), 'end');
    assert.equal(copy.bytes, sent.length);
    assert.ok((await screen.hasBytes(sent.length)).equals(sent));
  });

  leakTest('reads a pipe to its end whose writer has closed it before', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    addon.fd_write(from.writer.fd, Buffer.from('last words'));
    from.writer.close();
    const { copy, ended } = start(scope, from.reader, to.writer);
    assert.equal(await ended(), 'end');
    assert.equal(copy.bytes, 10);
  });

  leakTest('waits for a writer of a FIFO', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    from.writer.close();
    from.reader.close();
    const reader = opened(scope, from.path, O_RDONLY);
    const { copy, ended } = start(scope, reader, to.writer);
    await delay(30);
    const writer = opened(scope, from.path, O_WRONLY);
    addon.fd_write(writer.fd, Buffer.from('late'));
    writer.close();
    assert.equal(await ended(), 'end');
    assert.equal(copy.bytes, 4);
  });

  for (const length of [0, 5, 300_000]) {
    leakTest(`reads a regular file of ${length} bytes`, async (scope) => {
      const to = fifoPair(scope);
      const path = join(temporaryDirectory(scope), 'file');
      const sent = pattern(length);
      writeFileSync(path, sent);
      const { copy, ended } = start(scope, opened(scope, path, O_RDONLY), to.writer);
      const screen = readFrom(to.reader.fd);
      scope.after(() => screen.close());
      assert.equal(await ended(), 'end');
      assert.equal(copy.bytes, length);
      assert.ok((await screen.hasBytes(length)).equals(sent));
    });
  }

  leakTest('ends at once with /dev/null', async (scope) => {
    const to = fifoPair(scope);
    assert.equal(await start(scope, opened(scope, '/dev/null', O_RDONLY), to.writer).ended(), 'end');
  });

  leakTest('reads several waiting lines from a terminal that is not raw', async (scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    addon.fd_write(master.fd, Buffer.from('one\ntwo\nthree\n'));
    await delay(10);
    start(scope, tty, to.writer);
    const screen = readFrom(to.reader.fd);
    scope.after(() => screen.close());
    await screen.expect('three\n');
    assert.equal(screen.text(), 'one\ntwo\nthree\n');
  });

  leakTest('reads a later burst of lines from a terminal that is not raw', async (scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    start(scope, tty, to.writer);
    const screen = readFrom(to.reader.fd);
    scope.after(() => screen.close());
    for (let burst = 0; burst < 20; burst++) {
      addon.fd_write(master.fd, Buffer.from(`a${burst}\nb${burst}\nc${burst}\n`));
      await screen.expect(`c${burst}\n`);
    }
  });

  leakTest('ends at ^D on an empty line of a terminal', async (scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    const { copy, ended } = start(scope, tty, to.writer);
    addon.fd_write(master.fd, Buffer.from('bye\n\x04'));
    assert.equal(await ended(), 'end');
    assert.equal(copy.bytes, 4);
  });

  leakTest('reads every byte of a raw terminal, and ends when it hangs up', async (scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    addon.tty_set_raw(tty.fd);
    const { ended } = start(scope, tty, to.writer);
    const screen = readFrom(to.reader.fd);
    scope.after(() => screen.close());
    const sent = pattern(100_000);
    await writeAll(master.fd, sent);
    assert.ok((await screen.hasBytes(sent.length)).equals(sent));
    master.close();
    assert.equal(await ended(), 'end');
  });

  leakTest('fails for a directory with the errno', async (scope) => {
    const to = fifoPair(scope);
    const end = await start(scope, opened(scope, '/', O_RDONLY), to.writer).ended();
    assert.equal((end as NodeJS.ErrnoException).errno, 'EISDIR');
    assert.match((end as Error).message, /cannot read/);
  });
});

describe('the sink of a copy', () => {
  leakTest('is `broken` if its reader closes it, even while nothing is copied', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { ended } = start(scope, from.reader, to.writer);
    await delay(10);
    to.reader.close();
    assert.equal(await ended(), 'broken');
  });

  leakTest('is `broken` if its reader closes it while it is full', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { ended } = start(scope, from.reader, to.writer);
    const writing = writeAll(from.writer.fd, pattern(150_000)).catch(() => {});
    await delay(20);
    to.reader.close();
    assert.equal(await ended(), 'broken');
    from.reader.close();
    await writing;
  });

  leakTest('is `broken` if it is a terminal that hangs up', async (scope) => {
    const from = fifoPair(scope);
    const { master, tty } = openPty(scope);
    const { ended } = start(scope, from.reader, tty);
    await delay(10);
    master.close();
    assert.equal(await ended(), 'broken');
  });

  leakTest('may be a regular file, and a full disk is an error', async (scope) => {
    const from = fifoPair(scope);
    const path = join(temporaryDirectory(scope), 'file');
    addon.fd_write(from.writer.fd, Buffer.from('content'));
    from.writer.close();
    assert.equal(await start(scope, from.reader, opened(scope, path, O_WRONLY | O_CREAT)).ended(), 'end');
    assert.equal(readFileSync(path, 'utf8'), 'content');
    const again = fifoPair(scope);
    addon.fd_write(again.writer.fd, Buffer.from('content'));
    const end = await start(scope, again.reader, opened(scope, '/dev/full', O_WRONLY)).ended();
    assert.equal((end as NodeJS.ErrnoException).errno, 'ENOSPC');
    assert.match((end as Error).message, /cannot write/);
  });
});

describe('close', () => {
  leakTest('stops the copy, is idempotent, and nothing is reported after it', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const copy = copyStream({ source: from.reader.fd, sink: to.writer.fd, onEnd: () => assert.fail('told') });
    addon.fd_write(from.writer.fd, Buffer.from('x'));
    copy.close();
    copy.close();
    from.writer.close();
    await delay(20);
    assert.equal(copy.bytes, 0);
  });

  leakTest('stops a copy from a file that has not begun', async (scope) => {
    const to = fifoPair(scope);
    const source = opened(scope, '/proc/self/stat', O_RDONLY);
    copyStream({ source: source.fd, sink: to.writer.fd, onEnd: () => assert.fail('told') }).close();
    await delay(10);
    assert.equal(addon.fd_unread(to.reader.fd), 0);
  });
});
