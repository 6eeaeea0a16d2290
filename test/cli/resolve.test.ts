/*
 * A wrong guess at an id kills the wrong container. A prefix that fits two containers, an empty word that fits all, and
 * an id that is the beginning of another id must not select anything by mistake, and the error must list what there is.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findContainer, findExec } from '../../src/cli/resolve.js';
import { session } from '../helpers/e2e/fake-daemon.js';

const sessions = [
  session('web'),
  session('web', { execId: 'shell' }),
  session('web', { execId: 'shout' }),
  session('web-2'),
  session('db'),
  session('db', { execId: 'psql' }),
];

describe('findContainer', () => {
  const good: readonly (readonly [string, string])[] = [
    ['db', 'db'],
    ['d', 'db'],
    ['web', 'web'],
    ['web-', 'web-2'],
  ];
  for (const [text, id] of good) test(`finds ${id} for ${text}`, () => assert.equal(findContainer(sessions, text), id));

  test('refuses a prefix of two ids, and names both', () => {
    assert.throws(() => findContainer(sessions, 'we'), {
      code: 'ERR_ID_AMBIGUOUS',
      message: 'more than one container has an id that begins with we: web, web-2',
    });
  });

  const unknown: readonly (readonly [string, string])[] = [
    ['x', 'no such container: x; there are: db, web, web-2'],
    ['eb', 'no such container: eb; there are: db, web, web-2'],
    ['', 'no such container: the empty id; there are: db, web, web-2'],
    ['shell', 'no such container: shell; there are: db, web, web-2'],
    ['a\u001bb', 'no such container: a\\eb; there are: db, web, web-2'],
  ];
  for (const [text, words] of unknown) {
    test(`finds no container for ${JSON.stringify(text)}`, () => {
      assert.throws(() => findContainer(sessions, text), { code: 'ERR_PROCESS_NOT_FOUND', message: words });
    });
  }

  test('does not find the only container for the empty id', () => {
    assert.throws(() => findContainer([session('db')], ''), { code: 'ERR_PROCESS_NOT_FOUND' });
  });

  test('says if there is no container at all', () => {
    assert.throws(() => findContainer([], 'x'), { message: 'no such container: x; there is none' });
  });

  test('names only a few of many containers in its error', () => {
    const many = Array.from({ length: 20 }, (_, i) => session(`c${10 + i}`));
    const words = 'c10, c11, c12, c13, c14, c15, c16, c17 and 12 more';
    assert.throws(() => findContainer(many, 'x'), { message: `no such container: x; there are: ${words}` });
    assert.throws(() => findContainer(many, 'c'), {
      message: `more than one container has an id that begins with c: ${words}`,
    });
  });
});

describe('findExec', () => {
  test('finds a process of that container', () => {
    assert.equal(findExec(sessions, 'web', 'shell'), 'shell');
    assert.equal(findExec(sessions, 'web', 'sho'), 'shout');
    assert.equal(findExec(sessions, 'db', 'p'), 'psql');
  });

  test('refuses processes of other containers', () => {
    assert.throws(() => findExec(sessions, 'web', 'sh'), { code: 'ERR_ID_AMBIGUOUS' });
    assert.throws(() => findExec(sessions, 'web', 'psql'), {
      message: 'no such process in web: psql; there are: shell, shout',
    });
    assert.throws(() => findExec(sessions, 'web-2', 'sh'), {
      message: 'no such process in web-2: sh; there is none',
    });
    assert.throws(() => findExec(sessions, 'web', ''), { code: 'ERR_PROCESS_NOT_FOUND' });
  });
});
