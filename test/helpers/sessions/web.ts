/** `termshim web`, with one session called `box`. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import type { TestContext } from 'node:test';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { openTestbed, type Testbed } from '../e2e/testbed.js';
import { startTermshim, termshim } from '../e2e/termshim.js';
import { within } from '../base/wait-for.js';

export interface ServedPage {
  testbed: Testbed;
  /** With the token. */
  url: URL;
  web: ChildProcess;
}

/** @param script of the session, by default a shell with a prompt */
export async function serveWebPage(t: TestContext, script = "PS1='$ ' exec sh -i"): Promise<ServedPage> {
  const testbed = openTestbed(t);
  const { status, stderr } = await termshim(['run', '-d', '-t', '--name', 'box', '--', 'sh', '-c', script], {
    env: testbed.env,
  });
  assert.deepEqual([status, stderr], [0, '']);
  testbed.after(() => termshim(['delete', '--force', 'box'], { env: testbed.env }));
  const web = startTermshim(['web', '--format', 'json'], { env: testbed.env, stdio: ['ignore', 'pipe', 'inherit'] });
  testbed.after(async () => {
    if (web.exitCode !== null) return;
    web.kill('SIGTERM');
    await within(once(web, 'exit'), 'the end of the web server');
  });
  const [line] = (await once(createInterface(web.stdout as NodeJS.ReadableStream), 'line')) as [string];
  return { testbed, url: new URL((JSON.parse(line) as { url: string }).url), web };
}

export function tokenOf({ hash }: URL): string {
  return hash.slice('#token='.length);
}

/** Changes the token into the secret, as the page does. */
export async function pageSecret(url: URL): Promise<string> {
  const headers = { authorization: `Bearer ${tokenOf(url)}` };
  const response = await fetch(new URL('/secret', url), { method: 'POST', headers });
  assert.equal(response.status, 200);
  return (await response.text()).trim();
}

/** Of one request; 101 for an upgrade. */
export function statusOf({ hostname, port }: URL, path: string, headers = {}, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: hostname, port, path, headers, method, agent: false }, (response) => {
      text(response).then(() => resolve(response.statusCode ?? 0), reject);
    });
    sent.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve(101);
    });
    sent.on('error', reject).end();
  });
}
