/*
 * Every user of the machine can dial the port of `termshim web`. What could break: a request that cannot be parsed, an
 * upgrade that is refused and reset, a frame that breaks the rules, or one connection too many throws an exception that
 * nothing catches, and the server ends with everybody's terminal. Each is sent to a real server, without the token;
 * then the server must answer as before, with no more descriptors.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { pageSecret, serveWebPage, statusOf } from '../../helpers/sessions/web.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const upgrade = (target: string, { host, origin }: URL, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nhost: ${host}\r\norigin: ${origin}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
  `sec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16).toString('base64')}\r\n${more}\r\n`;

const plain = (target: string, { host }: URL, method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;

/** What is sent, and what the answer begins with; undefined: the connection is closed, with or without words. */
const attempts: readonly (readonly [string, (url: URL) => string | Buffer, RegExp | undefined])[] = [
  ['a target of two slashes', (url) => plain('//', url), /^HTTP\/1.1 400 /],
  ['a target that names another host', (url) => plain('//evil/sessions', url), /^HTTP\/1.1 400 /],
  ['a target that is a whole URL', (url) => plain('http://evil/sessions', url), /^HTTP\/1.1 400 /],
  ['a target that is no path', (url) => plain('*', url, 'OPTIONS'), /^HTTP\/1.1 400 /],
  ['a target with broken escapes', (url) => plain('/%zz%?%=%&id=%ff', url), /^HTTP\/1.1 404 /],
  ['an upgrade of two slashes', (url) => upgrade('//', url), /^HTTP\/1.1 400 /],
  ['an upgrade for another page', (url) => upgrade('/other', url), /^HTTP\/1.1 403 /],
  [
    'an upgrade of another version',
    (url) => upgrade('/attach', url).replace('version: 13', 'version: 1'),
    /^HTTP\/1.1 400 /,
  ],
  [
    'an upgrade without a key',
    (url) => upgrade('/attach', url).replace(/sec-websocket-key: .*\r\n/, ''),
    /^HTTP\/1.1 400 /,
  ],
  ['an upgrade to something else', (url) => upgrade('/attach', url).replace('websocket', 'h2c'), /^HTTP\/1.1 400 /],
  ['CONNECT', (url) => plain('evil:80', url, 'CONNECT'), undefined],
  ['what is no HTTP', () => '\x16\x03\x01\x02\x00', /^HTTP\/1.1 400 /],
  [
    'a header without end',
    ({ host }) => `GET / HTTP/1.1\r\nhost: ${host}\r\nx: ${'x'.repeat(100_000)}`,
    /^HTTP\/1.1 431 /,
  ],
  ['a frame that breaks the rules', (url) => `${upgrade('/attach', url)}\xff\xff\xff\xff`, /^HTTP\/1.1 101 /],
  ['a message without a mask', (url) => `${upgrade('/attach', url)}\x81\x05hello`, /^HTTP\/1.1 101 /],
  [
    'a message that is too long',
    (url) => `${upgrade('/attach', url)}\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00mask`,
    /^HTTP\/1.1 101 /,
  ],
  ['text that is no UTF-8', (url) => `${upgrade('/attach', url)}\x81\x82\x00\x00\x00\x00\xff\xff`, /^HTTP\/1.1 101 /],
];

test('the server survives every malformed request, refused or reset upgrade, and broken frame', async (t) => {
  const { url, web } = await serveWebPage(t);
  const pid = web.pid as number;
  await statusOf(url, '/');
  const before = openDescriptors(pid).length;
  for (const [what, sent, expected] of attempts) {
    const socket = await dial(url);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.write(Buffer.from(sent(url) as string, 'latin1'));
    if (expected !== undefined) await waitFor(() => answer !== '', `an answer to ${what}`);
    if (expected !== undefined) assert.match(answer, expected, what);
    socket.end();
    await within(closed, `the end after ${what}`);
    for (let round = 0; round < 20; round++) {
      const reset = await dial(url);
      reset.write(Buffer.from(sent(url) as string, 'latin1'));
      // Every other one once it was answered, if it is.
      if (round % 2 === 1) await Promise.race([once(reset, 'data'), once(reset, 'close'), delay(20)]).catch(() => {});
      reset.resetAndDestroy();
    }
    assert.equal(await statusOf(url, '/sessions'), 401, what);
  }
  assert.equal(web.exitCode, null);
  await waitFor(() => openDescriptors(pid).length <= before, 'every connection to be closed');
});

test('connections beyond the limit are refused, and accepted again when others have closed', async (t) => {
  const { url, web } = await serveWebPage(t);
  const open = await Promise.all(Array.from({ length: 300 }, () => dial(url)));
  await waitFor(() => open.some((it) => it.destroyed), 'some to be turned away');
  assert.ok(open.filter((it) => !it.destroyed).length >= 200, 'the others stay');
  for (const it of open) it.destroy();
  await waitFor(
    () =>
      statusOf(url, '/sessions').then(
        (it) => it === 401,
        () => false,
      ),
    'an answer',
  );
  assert.equal(web.exitCode, null);
});

test('the server disconnects a client that does not read its answers', {
  timeout: 60_000,
}, async (t) => {
  const { url, web, testbed } = await serveWebPage(t);
  const requests = plain('/page.js', url).repeat(60);
  const open = await Promise.all(Array.from({ length: 256 }, () => dial(url)));
  testbed.after(() => open.forEach((it) => it.destroy()));
  for (const it of open) it.pause().write(requests);
  const answers = (): Promise<boolean> =>
    statusOf(url, '/sessions').then(
      (it) => it === 401,
      () => false,
    );
  await waitFor(async () => !(await answers()), 'the clients to have all connections');
  await waitFor(answers, 'an answer', 30_000);
  assert.equal(web.exitCode, null);
});

test('the page cannot make the server keep more than a window of output, and cannot crash it', {
  timeout: 60_000,
}, async (t) => {
  const { url, web, testbed } = await serveWebPage(t, "while :; do printf '%01000d' 7; done");
  const secret = await pageSecret(url);
  const socket = new WebSocket(`ws://${url.host}/attach?id=box&columns=80&rows=24`, { origin: url.origin });
  testbed.after(() => socket.terminate());
  await once(socket, 'open');
  socket.send(secret);
  await within(once(socket, 'message'), 'that it is attached');
  // It reads nothing from now on, and says that it has shown all.
  socket.pause();
  const lie = JSON.stringify({ kind: 'shown', bytes: 1_000_000_000 });
  for (let round = 0; round < 2000; round++) socket.send(lie);
  const size = (columns: number): string => JSON.stringify({ kind: 'size', columns, rows: 20 });
  for (let round = 0; round < 20_000; round++) socket.send(size(20 + (round % 100)));
  await waitFor(() => socket.bufferedAmount === 0, 'everything to be sent');
  assert.equal(await statusOf(url, '/sessions'), 401);
  const kilobytes = residentKilobytes(web.pid as number);
  assert.ok(kilobytes < 200_000, `the server has ${kilobytes} kB`);
  for (const bad of [
    '',
    '{',
    'null',
    '[]',
    '{"kind":"size","columns":1e99,"rows":-1}',
    '{"kind":"shown","bytes":"x"}',
  ]) {
    const other = new WebSocket(`ws://${url.host}/attach?id=box&columns=-1&rows=x`, { origin: url.origin });
    await once(other, 'open');
    other.send(secret);
    await within(once(other, 'message'), 'that it is attached');
    other.send(bad);
    await within(once(other, 'close'), `the end after ${bad}`);
  }
  assert.equal(web.exitCode, null);
});

async function dial({ hostname, port }: URL): Promise<Socket> {
  const socket = createConnection(Number(port), hostname);
  socket.on('error', () => {});
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

function residentKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
