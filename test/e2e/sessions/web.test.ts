/*
 * The page runs in a real browser. A user chooses a session, types, resizes and reloads, also with the keyboard alone;
 * a stranger must not be able to do anything. What could break: keys are lost between the page and the session, a size
 * does not follow the window, a reload shows another screen or none, a token is accepted twice, a page of another
 * origin types into a session, or a server at another port of this machine receives the secret.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type Browser, type Page, chromium } from 'playwright-core';
import { WebSocket } from 'ws';
import { missing } from '../../helpers/base/requirement.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { serveWebPage, statusOf, tokenOf } from '../../helpers/sessions/web.js';
import { findProgram } from '../../../src/runtime/find-program.js';
import type { Testbed } from '../../helpers/e2e/testbed.js';

/** Closed after the test. */
async function openBrowser(testbed: Testbed): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findProgram('chromium', process.env['PATH'] ?? '') ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      // It would ask its maker for things, on a machine that has nobody to ask.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  testbed.after(() => browser.close());
  return browser;
}

const skip = missing('chromium');

const screenOf = (page: Page): Promise<string> => page.locator('.xterm-rows').innerText();

async function expect(page: Page, text: RegExp): Promise<void> {
  let screen = '';
  await waitFor(async () => text.test((screen = await screenOf(page))), `${text} on the page`).catch((error: Error) => {
    throw new Error(`${error.message}; it shows ${JSON.stringify(screen)}`);
  });
}

test('a user of the page chooses a session, types, resizes and reloads', { skip, timeout: 120_000 }, async (t) => {
  const { testbed, url } = await serveWebPage(t);
  const browser = await openBrowser(testbed);
  const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
  const foreign: string[] = [];
  page.on('request', (it) => {
    if (new URL(it.url()).host !== url.host) foreign.push(it.url());
  });
  await page.goto(url.href);
  await page.getByRole('button', { name: /^box/ }).waitFor();
  assert.equal(page.url(), `${url.origin}/`, 'the token does not stay in the address');
  await page.getByRole('button', { name: /^box/ }).click();
  await expect(page, /\$/);
  await page.keyboard.type('echo $((6 * 7)); stty size\n');
  await expect(page, /42\s+\d+ \d+/);
  const before = /(\d+) (\d+)\s+\$/.exec(await screenOf(page))?.[0];
  await page.setViewportSize({ width: 700, height: 400 });
  await page.keyboard.type('clear; stty size\n');
  await expect(page, /^\s*(\d+) (\d+)\s+\$/);
  assert.notEqual(/(\d+) (\d+)\s+\$/.exec(await screenOf(page))?.[0], before, 'the size follows the window');
  await page.reload();
  await expect(page, /\d+ \d+\s+\$/);
  await page.keyboard.type('echo again $((50 + 5))\n');
  await expect(page, /again 55/);
  assert.deepEqual(foreign, [], 'requests to others');
});

test('the page can be used with the keyboard alone, and in dark colours', { skip, timeout: 120_000 }, async (t) => {
  const { testbed, url } = await serveWebPage(t);
  const browser = await openBrowser(testbed);
  const page = await browser.newPage({ colorScheme: 'dark' });
  await page.goto(url.href);
  await page.getByRole('button', { name: /^box/ }).waitFor();
  await page.keyboard.press('F6');
  await page.keyboard.press('Enter');
  await expect(page, /\$/);
  await page.keyboard.type('echo typed $((1 + 1))\n');
  await expect(page, /typed 2/);
  await page.keyboard.press('F6');
  const focused = await page.evaluate('document.activeElement.textContent');
  assert.match(String(focused), /^box/);
  const background = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
  const lightest = Math.max(...(background.match(/\d+/g) ?? []).map(Number));
  assert.ok(lightest < 80, `the page is ${background} in the dark`);
});

test('the server refuses requests without the secret', { skip, timeout: 60_000 }, async (t) => {
  const { url } = await serveWebPage(t);
  const ask = (path: string, headers?: Record<string, string>, method?: string): Promise<number> =>
    statusOf(url, path, headers, method);
  const opening = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const upgrade = { ...opening, 'sec-websocket-key': Buffer.alloc(16).toString('base64') };
  assert.equal(await ask('/'), 200, 'the page alone tells nothing');
  assert.equal(await ask('/sessions'), 401);
  assert.equal(await ask('/sessions', { authorization: 'Bearer wrong' }), 401);
  assert.equal(await ask('/secret', { authorization: 'Bearer wrong' }, 'POST'), 401);
  const bearer = { authorization: `Bearer ${tokenOf(url)}` };
  assert.equal(await ask('/secret', bearer), 405);
  assert.equal(await ask('/secret', { ...bearer, host: 'evil.example' }, 'POST'), 403);
  assert.equal(await ask('/secret', { ...bearer, origin: 'http://evil.example' }, 'POST'), 403);
  assert.equal(await ask('/', { host: 'evil.example' }), 403);
  assert.equal(await ask('/attach?id=box', { ...upgrade, origin: 'http://evil.example' }), 403);
  assert.equal(await ask('/attach?id=box', upgrade), 403);
  assert.equal(await ask('/secret', bearer, 'POST'), 200);
  assert.equal(await ask('/secret', bearer, 'POST'), 401, 'the token is good once');
});

for (const [what, first] of [
  ['a wrong secret', 'wrong'],
  ['an empty one', ''],
  ['bytes', Buffer.from('wrong')],
] as const) {
  test(`the server closes a WebSocket whose first message is ${what}, and attaches nothing`, { skip }, async (t) => {
    const { testbed, url } = await serveWebPage(t);
    const socket = new WebSocket(`ws://${url.host}/attach?id=box`, { origin: url.origin });
    await once(socket, 'open');
    socket.send(first);
    const [code] = (await within(once(socket, 'close'), 'the end of the connection')) as [number];
    assert.equal(code, 1008);
    const { stdout } = await termshim(['inspect', '--format', 'json', 'box'], { env: testbed.env });
    assert.deepEqual((JSON.parse(stdout) as { clients: unknown[] }).clients, []);
  });
}

test('a page from another port gets no secret and no session', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { testbed, url } = await serveWebPage(t);
  const seen: string[] = [];
  const other = createServer((asked, response) => {
    seen.push(`${asked.method} ${asked.url} ${JSON.stringify(asked.headers)}`);
    response.setHeader('content-type', 'text/html').end('<p>other</p>');
  }).listen(0, '127.0.0.1');
  testbed.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const browser = await openBrowser(testbed);
  const context = await browser.newContext();
  const page = await context.newPage();
  const sent: string[] = [];
  page.on('request', (it) => sent.push(it.headers()['authorization'] ?? ''));
  await page.goto(url.href);
  await page.getByRole('button', { name: /^box/ }).click();
  await expect(page, /\$/);
  const secret = sent.at(-1)?.slice('Bearer '.length) ?? '';
  assert.match(secret, /^[\w-]{43}$/);
  // By a link of the page itself, so with whatever a browser sends along.
  await page.evaluate(`location.href = 'http://127.0.0.1:${port}/'`);
  await page.getByText('other').waitFor();
  const stolen = await page.evaluate<string[]>(`(async () => {
    const secrets = [document.cookie, ...Object.values(sessionStorage), ...Object.values(localStorage)];
    const list = await fetch('${url.origin}/sessions', { credentials: 'include' }).then((it) => it.text(), () => 'refused');
    const socket = new WebSocket('ws://${url.host}/attach?id=box');
    const opened = await new Promise((resolve) => {
      socket.onopen = () => resolve('opened');
      socket.onerror = () => resolve('refused');
    });
    return [secrets.join(''), list, opened];
  })()`);
  assert.deepEqual(stolen, ['', 'refused', 'refused']);
  assert.ok(seen.length > 0);
  const token = tokenOf(url);
  for (const line of seen) assert.ok(!line.includes(secret) && !line.includes(token) && !line.includes('cookie'), line);
  // Back on the page, the tab has it still.
  await page.goto(`${url.origin}/#box`);
  await expect(page, /\$/);
});
