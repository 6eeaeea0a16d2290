/*
 * Several clients poll one list at their own pace. What could break: an event between two polls is lost, an event
 * reaches only one of many waiting clients, a client that leaves still waits, the list grows without a bound, or a
 * number from another daemon is accepted. The tests poll the list in each of these ways.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventList, type EventList } from '../../src/sessions/event-list.js';
import { within } from '../helpers/base/wait-for.js';

const never = new AbortController().signal;

async function kindsAfter(events: EventList, number: bigint, waitMs = 0): Promise<string[]> {
  const found = await within(events.after(number, waitMs, never), 'the events');
  return found.map((it) => `${it.number} ${it.kind}`);
}

test('a caller gets the events that it does not know at once', async () => {
  const events = createEventList();
  for (const kind of ['create', 'start', 'exit']) events.add({ id: 'c', kind });
  assert.deepEqual(await kindsAfter(events, 0n), ['1 create', '2 start', '3 exit']);
  assert.deepEqual(await kindsAfter(events, 2n, 60_000), ['3 exit']);
  assert.deepEqual(await kindsAfter(events, 3n), []);
});

test('fields that are not set are empty, and those that are set are kept', async () => {
  const events = createEventList();
  events.add({ id: 'c', kind: 'exit', execId: 'e', pid: 7, exitStatus: 3 });
  const [event] = await events.after(0n, 0, never);
  const { timestamp, ...rest } = event ?? {};
  assert.deepEqual(rest, { number: 1n, id: 'c', kind: 'exit', execId: 'e', pid: 7, exitStatus: 3, client: 0 });
  assert.ok(Math.abs(Number(timestamp?.seconds) - Date.now() / 1000) < 5);
});

test('all waiting callers get the next event, and no other', async () => {
  const events = createEventList();
  events.add({ id: 'c', kind: 'create' });
  const waiting = [kindsAfter(events, 1n, 60_000), kindsAfter(events, 1n, 60_000)];
  setImmediate(() => events.add({ id: 'c', kind: 'start' }));
  assert.deepEqual(await Promise.all(waiting), [['2 start'], ['2 start']]);
});

test('a wait that times out returns no events', async () => {
  assert.deepEqual(await kindsAfter(createEventList(), 0n, 20), []);
});

test('a wait of the longest possible time gets the next event', async () => {
  const events = createEventList();
  const waiting = kindsAfter(events, 0n, 2 ** 32 - 1);
  setTimeout(() => events.add({ id: 'c', kind: 'create' }), 30);
  assert.deepEqual(await waiting, ['1 create']);
});

test('the wait of a client that leaves ends', async () => {
  const events = createEventList();
  const leaving = new AbortController();
  const gone = new Error('gone');
  const waiting = events.after(0n, 60_000, leaving.signal);
  leaving.abort(gone);
  await assert.rejects(within(waiting, 'the refusal'), gone);
  await assert.rejects(events.after(0n, 60_000, leaving.signal), gone);
});

test('the list keeps the last thousand events', async () => {
  const events = createEventList();
  for (let i = 1; i <= 1500; i++) events.add({ id: String(i), kind: 'oom' });
  const all = await events.after(0n, 0, never);
  assert.equal(all.length, 1000);
  assert.deepEqual([all[0]?.number, all.at(-1)?.number], [501n, 1500n]);
});

test('a number from another daemon is ignored', async () => {
  const events = createEventList();
  events.add({ id: 'c', kind: 'create' });
  assert.deepEqual(await kindsAfter(events, 500n, 60_000), ['1 create']);
});

test('the end of the list ends all waits, and later calls do not wait', async () => {
  const events = createEventList();
  const waiting = kindsAfter(events, 0n, 60_000);
  events.close();
  events.close();
  assert.deepEqual(await waiting, []);
  assert.deepEqual(await kindsAfter(events, 0n, 60_000), []);
});
