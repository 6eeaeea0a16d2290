/*
 * The page in a real browser: what a person does there (choose a session, type, resize, reload), with the keyboard alone
 * too, and what a stranger must not do. What can break: keys that get lost between the page and the session, a size that
 * does not follow the window, a reload that finds another screen or none, a token that is good twice, and a page of
 * somebody else's that types into a session.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { openBrowser } from '../helpers/browser.js';
import { missing } from '../helpers/requirement.js';
import { openStage, type Stage } from '../helpers/stage.js';
import { startTermshim, termshim } from '../helpers/termshim.js';
import { waitFor, within } from '../helpers/wait-for.js';

const skip = missing('chromium');

interface Served {
  stage: Stage;
  url: URL;
  web: ChildProcess;
}

/** A session called `box` with a shell, and the page. */
async function serve(t: TestContext): Promise<Served> {
  const stage = openStage(t);
  const run = ['run', '-d', '-t', '--name', 'box', '--', 'sh', '-c', "PS1='$ ' exec sh -i"];
  const { status, stderr } = await termshim(run, { env: stage.env });
  assert.deepEqual([status, stderr], [0, '']);
  stage.after(() => termshim(['delete', '--force', 'box'], { env: stage.env }));
  const web = startTermshim(['web', '--format', 'json'], { env: stage.env, stdio: ['ignore', 'pipe', 'inherit'] });
  stage.after(async () => {
    if (web.exitCode !== null) return;
    web.kill('SIGTERM');
    await within(once(web, 'exit'), 'the end of the web server');
  });
  const [line] = (await once(createInterface(web.stdout as NodeJS.ReadableStream), 'line')) as [string];
  return { stage, url: new URL((JSON.parse(line) as { url: string }).url), web };
}

const screenOf = (page: Page): Promise<string> => page.locator('.xterm-rows').innerText();

async function sees(page: Page, text: RegExp): Promise<void> {
  let screen = '';
  await waitFor(async () => text.test((screen = await screenOf(page))), `${text} on the page`).catch((error: Error) => {
    throw new Error(`${error.message}; it shows ${JSON.stringify(screen)}`);
  });
}

test('choose a session, type, resize, reload', { skip, timeout: 120_000 }, async (t) => {
  const { stage, url } = await serve(t);
  const browser = await openBrowser(stage);
  const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
  const foreign: string[] = [];
  page.on('request', (it) => {
    if (new URL(it.url()).host !== url.host) foreign.push(it.url());
  });
  await page.goto(url.href);
  assert.equal(new URL(page.url()).search, '', 'the token does not stay in the address');
  await page.getByRole('button', { name: /^box/ }).click();
  await sees(page, /\$/);
  await page.keyboard.type('echo $((6 * 7)); stty size\n');
  await sees(page, /42\s+\d+ \d+/);
  const before = /(\d+) (\d+)\s+\$/.exec(await screenOf(page))?.[0];
  await page.setViewportSize({ width: 700, height: 400 });
  await page.keyboard.type('clear; stty size\n');
  await sees(page, /^\s*(\d+) (\d+)\s+\$/);
  assert.notEqual(/(\d+) (\d+)\s+\$/.exec(await screenOf(page))?.[0], before, 'the size follows the window');
  await page.reload();
  await sees(page, /\d+ \d+\s+\$/);
  await page.keyboard.type('echo again $((50 + 5))\n');
  await sees(page, /again 55/);
  assert.deepEqual(foreign, [], 'requests to others');
});

test('by keyboard alone, and in the dark', { skip, timeout: 120_000 }, async (t) => {
  const { stage, url } = await serve(t);
  const browser = await openBrowser(stage);
  const page = await browser.newPage({ colorScheme: 'dark' });
  await page.goto(url.href);
  await page.getByRole('button', { name: /^box/ }).waitFor();
  await page.keyboard.press('F6');
  await page.keyboard.press('Enter');
  await sees(page, /\$/);
  await page.keyboard.type('echo typed $((1 + 1))\n');
  await sees(page, /typed 2/);
  await page.keyboard.press('F6');
  const focused = await page.evaluate('document.activeElement.textContent');
  assert.match(String(focused), /^box/);
  const background = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
  const lightest = Math.max(...(background.match(/\d+/g) ?? []).map(Number));
  assert.ok(lightest < 80, `the page is ${background} in the dark`);
});

test('strangers are refused', { skip, timeout: 60_000 }, async (t) => {
  const { url } = await serve(t);
  const ask = (path: string, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: url.hostname, port: url.port, path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('upgrade', (_, socket) => {
        socket.destroy();
        resolve(101);
      });
      sent.on('error', reject).end();
    });
  const opening = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const upgrade = { ...opening, 'sec-websocket-key': Buffer.alloc(16).toString('base64') };
  assert.equal(await ask('/'), 401);
  assert.equal(await ask('/sessions'), 401);
  assert.equal(await ask('/page.js'), 401);
  assert.equal(await ask('/?token=wrong'), 401);
  assert.equal(await ask(url.pathname + url.search, { host: 'evil.example' }), 403);
  assert.equal(await ask(url.pathname + url.search, { origin: 'http://evil.example' }), 403);
  assert.equal(await ask('/attach?id=box', { ...upgrade, origin: url.origin }), 403);
  assert.equal(await ask(url.pathname + url.search), 303);
  assert.equal(await ask(url.pathname + url.search), 401, 'the token is good once');
});
