/*
 * Several subscribers get the output of one console, each at its own pace. The console must wait for each of them only
 * for a bounded time, a subscriber that reads must not miss a byte, and one that stalled must continue with current
 * output and get a notice of what it missed. What could break: a subscriber gets nothing because the addon moved the
 * bytes alone, one leaves in the middle, the last output is lost at the end of the process, or descriptors of those
 * that left stay open.
 */
import assert from 'node:assert/strict';
import { FifoReader, FifoWriter } from '../../../src/os/fifo.js';
import { Console } from '../../../src/os/console.js';
import type { ConsoleCopy } from '../../../src/stdio/copy/copy-api.js';
import { copyConsole } from '../../../src/stdio/copy/copy-console.js';
import type { Subscriber, FollowOptions } from '../../../src/stdio/broadcast/subscriber.js';
import { plainSink } from '../../../src/stdio/copy/sink.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { newFifo } from '../../helpers/copy/fifo-ends.js';
import { leakTest, type Scope } from '../../helpers/base/leak-free.js';
import { type Reader, readFrom } from '../../helpers/copy/reader.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { writeAll } from '../../helpers/copy/write-all.js';
import { constants } from 'node:fs';
import { addon } from '../../../src/native/addon.js';

interface Session {
  copy: ConsoleCopy;
  /** The other side of the console, raw: what is written here is output. */
  tty: OwnedFd;
}

function startSession(scope: Scope): Session {
  const console = Console.open({ columns: 80, rows: 24 });
  const tty = OwnedFd.open(console.name, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK, console.name);
  addon.tty_set_raw(tty.fd);
  const stdout = plainSink(OwnedFd.open('/dev/null', constants.O_WRONLY, '/dev/null'));
  const copy = copyConsole({ console, stdout, stdinEnd: 'hangup', endsOnHangup: false, drainTimeoutMs: 5000 });
  scope.after(() => {
    copy.close();
    tty.close();
    return copy.done;
  });
  return { copy, tty };
}

interface Client {
  subscriber: Subscriber;
  output: Reader;
  ended: Promise<string>;
  leave(): void;
}

async function follow(scope: Scope, { copy }: Session, more: Partial<FollowOptions> = {}): Promise<Client> {
  const path = newFifo(scope);
  const reader = FifoReader.open(path);
  const output = readFrom(reader.fd);
  const leave = (): void => {
    output.close();
    reader.close();
  };
  scope.after(leave);
  const sink = await FifoWriter.open(path, { timeoutMs: 1000 });
  let tell: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => (tell = resolve));
  const subscriber = copy.broadcast.follow({
    sink,
    firstBytes: { bytes: new Uint8Array() },
    replayBytes: 0,
    onSkipped: (bytes) => ({ bytes: Buffer.from(`[${bytes}]`) }),
    onEnd: (reason) => tell(String(reason)),
    ...more,
  });
  assert.ok(subscriber !== undefined);
  return { subscriber, output, ended, leave };
}

leakTest('every subscriber gets its own first bytes and then all output', async (scope) => {
  const session = startSession(scope);
  void session.copy.broadcast;
  await writeAll(session.tty.fd, 'before ');
  await waitFor(() => session.copy.stdoutBytes === 7, 'the first output');
  const one = await follow(scope, session, { firstBytes: { bytes: Buffer.from('welcome: ') } });
  const two = await follow(scope, session, { replayBytes: 4 });
  await writeAll(session.tty.fd, 'after');
  assert.equal(await one.output.expect('after'), 'welcome: after');
  assert.equal(await two.output.expect('after'), 'ore after');
  assert.deepEqual([one.subscriber.bytes, one.subscriber.behindBytes, one.subscriber.skippedBytes], [14, 0, 0]);
  assert.equal(Buffer.from(session.copy.broadcast.recent(9)).toString(), 'ore after');
});

leakTest('a stalled subscriber is skipped and gets a notice, and never delays the others', async (scope) => {
  const session = startSession(scope);
  const [stalled, other] = [await follow(scope, session), await follow(scope, session)];
  stalled.output.pause();
  const flood = Buffer.alloc(1_000_000, 'flood ');
  await within(writeAll(session.tty.fd, flood), 'the flood to be taken');
  await other.output.hasBytes(flood.length);
  assert.ok(stalled.subscriber.behindBytes > 256 * 1024);
  stalled.output.resume();
  await stalled.output.expect(']');
  await writeAll(session.tty.fd, 'present');
  const text = await stalled.output.expect('present');
  const skipped = Number(/\[(\d+)\]/.exec(text)?.[1]);
  assert.equal(text.length, flood.length - skipped + `[${skipped}]present`.length);
  assert.match(text, /\[\d+\]present$/);
  assert.equal(stalled.subscriber.skippedBytes, skipped);
});

leakTest('a subscriber that reads with a delay misses nothing', async (scope) => {
  const session = startSession(scope);
  const [slow, fast] = [await follow(scope, session), await follow(scope, session)];
  slow.output.pause();
  const reading = setInterval(() => {
    slow.output.resume();
    slow.output.pause();
  }, 10);
  scope.after(() => clearInterval(reading));
  const flood = Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => i % 251));
  await within(writeAll(session.tty.fd, flood), 'the flood to be taken');
  for (const { output, subscriber } of [slow, fast]) {
    await output.hasBytes(flood.length);
    assert.ok(output.bytes().equals(flood));
    assert.equal(subscriber.skippedBytes, 0);
  }
});

leakTest('the console waits again for a skipped subscriber that has caught up', async (scope) => {
  const session = startSession(scope);
  const client = await follow(scope, session);
  client.output.pause();
  await writeAll(session.tty.fd, Buffer.alloc(1_000_000, 'x'));
  client.output.resume();
  await waitFor(() => client.subscriber.behindBytes === 0, 'the present');
  const { skippedBytes } = client.subscriber;
  assert.ok(skippedBytes > 500_000);
  client.output.pause();
  const writing = writeAll(session.tty.fd, Buffer.alloc(1_000_000, 'y'));
  await waitFor(() => client.subscriber.behindBytes > 128 * 1024, 'the wait');
  client.output.resume();
  await within(writing, 'the flood to be taken');
  await waitFor(() => client.subscriber.behindBytes === 0, 'the present');
  assert.equal(client.subscriber.skippedBytes, skippedBytes);
});

leakTest('a subscriber that is too slow is skipped sometimes, and gets output in between', async (scope) => {
  const session = startSession(scope);
  let skips = 0;
  const onSkipped = (bytes: number) => ({ bytes: Buffer.from(`${++skips}:${bytes} `.padStart(10_000, '-')) });
  const slow = await follow(scope, session, { onSkipped });
  slow.output.pause();
  const start = performance.now();
  const flood = Buffer.alloc(400_000, 'flood ');
  for (let round = 0; performance.now() < start + 500; round++) {
    await writeAll(session.tty.fd, flood);
    slow.output.resume();
    slow.output.pause();
  }
  const mostSkips = Math.ceil((performance.now() - start) / 100) + 1;
  assert.ok(skips >= 2 && skips <= mostSkips, `${skips} skips, at most ${mostSkips}`);
  slow.output.resume();
  await waitFor(() => slow.subscriber.behindBytes === 0, 'the present');
  await writeAll(session.tty.fd, 'present');
  assert.ok((await slow.output.expect('present')).endsWith('present'));
});

leakTest('a subscriber that leaves is reported, and the others stay', async (scope) => {
  const session = startSession(scope);
  const [one, two] = [await follow(scope, session), await follow(scope, session)];
  one.leave();
  await writeAll(session.tty.fd, 'still here');
  assert.equal(await within(one.ended, 'the end of the first'), 'left');
  await two.output.expect('still here');
  assert.equal(session.copy.broadcast.subscriberCount, 1);
  two.subscriber.close();
  two.subscriber.close();
  assert.equal(session.copy.broadcast.subscriberCount, 0);
  await writeAll(session.tty.fd, 'to nobody');
  await waitFor(() => session.copy.stdoutBytes === 19, 'the output that nobody sees');
});

leakTest('at the end each subscriber that reads gets the rest, and the others are dropped', async (scope) => {
  const session = startSession(scope);
  const [one, stalled] = [await follow(scope, session), await follow(scope, session)];
  stalled.output.pause();
  await writeAll(session.tty.fd, Buffer.alloc(100_000, 'x'));
  await writeAll(session.tty.fd, 'last words');
  session.copy.processEnded();
  assert.equal(await within(one.ended, 'the end'), 'ended');
  assert.equal((await one.output.all()).length, 100_010);
  assert.equal(await within(stalled.ended, 'the end of the stalled one', 5000), 'ended');
  await session.copy.done;
  const late = newFifo(scope);
  const reader = FifoReader.open(late);
  const sink = await FifoWriter.open(late, { timeoutMs: 1000 });
  const options = {
    sink,
    firstBytes: { bytes: new Uint8Array() },
    replayBytes: 0,
    onSkipped: () => ({ bytes: new Uint8Array() }),
    onEnd() {},
  };
  assert.equal(session.copy.broadcast.follow(options), undefined);
  reader.close();
});

leakTest('an observer gets every byte in order, also the last', async (scope) => {
  const session = startSession(scope);
  const seen: Buffer[] = [];
  const observer = session.copy.broadcast.observe((bytes) => void seen.push(Buffer.from(bytes)));
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  await writeAll(session.tty.fd, sent);
  session.copy.processEnded();
  await session.copy.done;
  assert.ok(Buffer.concat(seen).equals(sent));
  observer.close();
});

leakTest('20 subscribers come and go during a flood', async (scope) => {
  const session = startSession(scope);
  const stays = await follow(scope, session);
  const flood = Buffer.alloc(2_000_000, 'flood ');
  const writing = writeAll(session.tty.fd, flood);
  for (let round = 0; round < 20; round++) {
    const guest = await follow(scope, session);
    await guest.output.hasBytes(1);
    if (round % 2 === 0) guest.subscriber.close();
    guest.leave();
  }
  await within(writing, 'the flood to be taken');
  await stays.output.hasBytes(flood.length);
  assert.ok(stays.output.bytes().equals(flood));
});
