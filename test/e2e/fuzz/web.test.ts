/*
 * Clients may send anything to the port of `termshim web`, before and after they have the secret, in any pieces, and
 * may end the connection in any way. The server must answer the next request, and afterwards it must have no more
 * descriptors and hardly more memory. fast-check makes up the bytes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { fuzz, fuzzSeconds, mangled, sendPieces } from '../../helpers/base/fuzz.js';
import { pageSecret, serveWebPage, statusOf } from '../../helpers/sessions/web.js';
import { waitFor } from '../../helpers/base/wait-for.js';

test('no request ends the web server or makes it leak', { timeout: 120_000 + fuzzSeconds * 1000 }, async (t) => {
  const { url, web } = await serveWebPage(t);
  const pid = web.pid as number;
  const secret = await pageSecret(url);
  const attack = async ({ pieces, ending }: Attack): Promise<void> => {
    const socket = createConnection(Number(url.port), url.hostname);
    const closed = await sendPieces(socket, pieces);
    if (ending === 'end') socket.end();
    if (ending === 'reset') socket.resetAndDestroy();
    // Whoever is served and has said nothing wrong may stay.
    await Promise.race([closed(), delay(ending === 'stay' ? 50 : 500)]);
    socket.destroy();
    assert.equal(await statusOf(url, '/sessions'), 401);
    assert.equal(web.exitCode, null);
  };
  // The first terminal opens what stays: an epoll set.
  await attack({ pieces: [Buffer.from(opening(url)), frameOf({ first: 0x81, payload: secret })], ending: 'stay' });
  const count = async (): Promise<number> => {
    await waitFor(() => statusOf(url, '/').then((it) => it === 200), 'an answer');
    return openDescriptors(pid).length;
  };
  const before = await count();
  const attempts = await fuzz(attacks(url, secret), attack);
  await waitFor(async () => (await count()) <= before, 'every connection to be closed', 20_000).catch(() => {
    assert.deepEqual(openDescriptors(pid), before);
  });
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  assert.ok(kilobytes < 200_000, `the server has ${kilobytes} kB`);
  t.diagnostic(`${attempts} attacks in ${fuzzSeconds} s, ${kilobytes} kB`);
  web.kill('SIGTERM');
  assert.deepEqual(await once(web, 'exit'), [0, null]);
});

interface Attack {
  pieces: Buffer[];
  ending: 'end' | 'reset' | 'stay';
}

function attacks({ host, origin }: URL, secret: string): fc.Arbitrary<Attack> {
  const target = fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '*',
      '/sessions',
      '/secret',
      '/page.js',
      '/attach?id=box&columns=9&rows=9',
      '/../..',
      '',
    ),
    fc.webPath(),
    fc.string(),
  );
  const headers = [
    ...headersOf({ host, origin }),
    `authorization: Bearer ${secret}`,
    'content-length: 5',
    'transfer-encoding: chunked',
    'expect: 100-continue',
  ];
  const request = fc
    .record({
      method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'CONNECT', 'OPTIONS', 'PRI', 'x'),
      target,
      version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9'),
      headers: fc.oneof(fc.constant(headersOf({ host, origin })), fc.shuffledSubarray(headers)),
    })
    .map((it) => [`${it.method} ${it.target} ${it.version}`, ...it.headers, '', ''].join('\r\n'));
  const frame = fc.record({
    first: fc.oneof(fc.constantFrom(0x81, 0x82, 0x88, 0x89, 0x8a), fc.nat({ max: 255 })),
    isMasked: fc.boolean(),
    payload: fc.oneof(
      fc.constantFrom(secret, '{"kind":"typed","text":"echo hi\\n"}', '{"kind":"shown","bytes":-1}', '{'),
      fc.json(),
      fc.string({ maxLength: 300 }),
    ),
    claimed: fc.option(fc.nat({ max: 127 }), { freq: 8 }),
  });
  const begin: Buffer = Buffer.from(opening({ host, origin }));
  const talk = fc
    .array(frame, { minLength: 1, maxLength: 6 })
    .map((frames) => [begin, frameOf({ first: 0x81, payload: secret })].concat(frames.map(frameOf)));
  const pieces = fc.oneof(
    request.chain((text) => fc.array(mangled(Buffer.from(text)), { minLength: 1, maxLength: 3 })),
    talk,
    fc.array(frame, { maxLength: 6 }).map((frames) => [begin].concat(frames.map(frameOf))),
    fc.array(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 4 },
    ),
  );
  return fc.record({ pieces, ending: fc.constantFrom('end', 'reset', 'stay') });
}

function opening(page: Pick<URL, 'host' | 'origin'>): string {
  return ['GET /attach?id=box&columns=9&rows=9 HTTP/1.1', ...headersOf(page), '', ''].join('\r\n');
}

/** Of an upgrade that is served. */
function headersOf({ host, origin }: Pick<URL, 'host' | 'origin'>): string[] {
  return [
    `host: ${host}`,
    `origin: ${origin}`,
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`,
  ];
}

interface WebSocketFrame {
  first: number;
  isMasked?: boolean;
  payload: string;
  claimed?: number | null;
}

/** See RFC 6455, section 5.2. `claimed` is a length that is not the payload's. */
function frameOf({ first, isMasked = true, payload, claimed = null }: WebSocketFrame): Buffer {
  const bytes = Buffer.from(payload);
  const length = claimed ?? (bytes.length < 126 ? bytes.length : 126);
  const long = length === 126 ? [bytes.length >> 8, bytes.length & 255] : [];
  const mask = isMasked ? [0, 0, 0, 0] : [];
  return Buffer.concat([Buffer.from([first, length | (isMasked ? 128 : 0), ...long, ...mask]), bytes]);
}
