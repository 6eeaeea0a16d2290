/*
 * A page on 127.0.0.1 can be asked by every other page in the browser, and by every name that somebody lets lead there.
 * So each way to ask is tried with one thing wrong, and the token a second time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Access, createAccess } from '../../src/web/access.js';

const host = '127.0.0.1:8080';

function welcome(access: Access): string {
  const verdict = access.judge({ url: `/?token=${access.token}`, headers: { host } });
  assert.equal(verdict.kind, 'welcome');
  return (verdict as { cookie: string }).cookie.split(';')[0] as string;
}

test('the token opens the page once; the cookie opens it from then on', () => {
  const access = createAccess([host]);
  const cookie = welcome(access);
  assert.match(cookie, /^termshim=[\w-]{43}$/);
  const again = access.judge({ url: `/?token=${access.token}`, headers: { host } });
  assert.deepEqual([again.kind, (again as { status: number }).status], ['refused', 401]);
  assert.equal(access.judge({ url: '/', headers: { host, cookie } }).kind, 'allowed');
  assert.equal(access.judge({ url: '/', headers: { host, cookie: `other=1; ${cookie}; more=2` } }).kind, 'allowed');
  assert.equal(access.judge({ url: '/', headers: { host, origin: `http://${host}`, cookie } }).kind, 'allowed');
});

test('the cookie cannot be read by a script, nor sent by another page', () => {
  const access = createAccess([host]);
  const verdict = access.judge({ url: `/?token=${access.token}`, headers: { host } });
  assert.match((verdict as { cookie: string }).cookie, /; HttpOnly; SameSite=Strict; Path=\/$/);
});

for (const [what, url, headers, status] of [
  ['no token', '/', { host }, 401],
  ['a wrong token', '/?token=x', { host }, 401],
  ['a wrong cookie', '/', { host, cookie: 'termshim=x' }, 401],
  ['no host', '/', {}, 403],
  ['another host', '/', { host: 'evil.example:8080' }, 403],
  ['our host with another port', '/', { host: '127.0.0.1:80' }, 403],
  ['the origin of another page', '/', { host, origin: 'http://evil.example' }, 403],
  ['the origin of another port', '/', { host, origin: 'http://127.0.0.1:9999' }, 403],
  ['an origin that is none', '/', { host, origin: 'null' }, 403],
] as const) {
  test(`${what}: refused with ${status}`, () => {
    const verdict = createAccess([host]).judge({ url, headers });
    assert.deepEqual([verdict.kind, (verdict as { status: number }).status], ['refused', status]);
  });

  test(`${what}: refused, even if all else is right`, () => {
    const access = createAccess([host]);
    const cookie = welcome(access);
    if (status === 401) return;
    assert.equal(access.judge({ url, headers: { cookie, ...headers } }).kind, 'refused');
  });
}

test('a wrong token of a foreign page does not use the token up', () => {
  const access = createAccess([host]);
  access.judge({ url: `/?token=${access.token}`, headers: { host, origin: 'http://evil.example' } });
  access.judge({ url: `/?token=${access.token}`, headers: { host: 'evil.example' } });
  welcome(access);
});
