/*
 * Every page in the browser can send requests to a page on 127.0.0.1, through every host name that leads there, and so
 * can every user of the machine. The tests try each kind of request with one thing wrong, and use the token a second
 * time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Access, createAccess } from '../../src/web/access.js';
import { targetOf } from '../../src/web/target.js';

const host = '127.0.0.1:8080';
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

function secretOf(access: Access): string {
  const secret = access.exchange({ host, ...bearer(access.token) });
  assert.match(secret ?? '', /^[\w-]{43}$/);
  return secret as string;
}

test('the token can be exchanged for the secret once, and the secret is valid from then on', () => {
  const access = createAccess([host]);
  const secret = secretOf(access);
  assert.equal(access.exchange({ host, ...bearer(access.token) }), undefined);
  assert.equal(access.refuse({ host, ...bearer(secret) }), undefined);
  assert.equal(access.refuse({ host, origin: `http://${host}`, ...bearer(secret) }), undefined);
  assert.equal(access.isSecret(secret), true);
  assert.equal(access.refuse({ host, ...bearer(access.token) })?.status, 401);
});

for (const [what, headers, status] of [
  ['no secret', { host }, 401],
  ['a wrong secret', { host, ...bearer('x') }, 401],
  ['a secret of another scheme', { host, authorization: 'Basic x' }, 401],
  ['a cookie', { host, cookie: 'termshim=x' }, 401],
  ['no host', {}, 403],
  ['another host', { host: 'evil.example:8080' }, 403],
  ['the right host with another port', { host: '127.0.0.1:80' }, 403],
  ['the origin of another page', { host, origin: 'http://evil.example' }, 403],
  ['the origin of another port', { host, origin: 'http://127.0.0.1:9999' }, 403],
  ['the origin null', { host, origin: 'null' }, 403],
] as const) {
  test(`a request with ${what} is refused with ${status}`, () => {
    const access = createAccess([host]);
    assert.equal(access.refuse(headers)?.status, status);
    assert.equal(access.refuseStranger(headers)?.status, status === 403 ? 403 : undefined);
    const withSecret = access.refuse({ ...headers, ...bearer(secretOf(access)) });
    assert.equal(withSecret?.status, status === 403 ? 403 : undefined);
  });
}

test('a wrong token does not use the token up', () => {
  const access = createAccess([host]);
  for (const wrong of ['', 'x', access.token.slice(1), `${access.token}x`]) {
    assert.equal(access.exchange({ host, ...bearer(wrong) }), undefined);
    assert.equal(access.isSecret(wrong), false);
  }
  secretOf(access);
});

test('a request target is split into a path and a query, without decoding, and never throws', () => {
  const read = (url: string | undefined) => {
    const target = targetOf(url);
    return target && [target.path, target.query.get('id')];
  };
  assert.deepEqual(read('/'), ['/', null]);
  assert.deepEqual(read('/attach?id=a%20b&id=c'), ['/attach', 'a b']);
  assert.deepEqual(read('/a?id=b?c'), ['/a', 'b?c']);
  assert.deepEqual(read('/%2e%2e/x?id=%'), ['/%2e%2e/x', '%']);
  for (const url of [undefined, '', '//', '///', '//x/sessions', '*', '?', 'http://x/sessions', 'x:1', '\\']) {
    assert.equal(read(url), undefined, String(url));
  }
});
