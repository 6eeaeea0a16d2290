/*
 * An author of pods who may set annotations must not be able to run programs or write files as root through an
 * annotation. The tests try each kind of URI with each value of the environment variable that permits logs, and with
 * paths that lead out of a directory.
 */
import assert from 'node:assert/strict';
import { beforeEach, afterEach, test } from 'node:test';
import { annotatedLog } from '../../../src/daemon/create/annotated-log.js';

const variable = 'TERMSHIM_LOG_ANNOTATION';
let before: string | undefined;

beforeEach(() => {
  before = process.env[variable];
  delete process.env[variable];
});

afterEach(() => {
  if (before === undefined) delete process.env[variable];
  else process.env[variable] = before;
});

function specWith(uri: string) {
  return { annotations: { 'io.termshim.log': uri } };
}

function isRefused(uri: string, reason: RegExp): void {
  assert.throws(() => annotatedLog(specWith(uri), false), { code: 'ERR_ANNOTATION_REFUSED', message: reason }, uri);
}

const files = ['file:///logs/c', 'json-file:///logs/c?max-size=1k', 'cri:///logs/a/b/c', 'JSON-FILE:///logs/c'];
const drivers = ['binary:///logs/driver', 'binary-v2:///logs/driver', 'BINARY:///logs/driver'];

test('an unset or empty permission refuses a log of any kind', () => {
  for (const value of [undefined, '']) {
    if (value !== undefined) process.env[variable] = value;
    for (const uri of [...files, ...drivers, '/logs/fifo']) isRefused(uri, /TERMSHIM_LOG_ANNOTATION is not set/);
  }
});

test('a directory as permission allows the files below it, and no driver', () => {
  for (const value of ['/logs', '/logs/', '/logs//']) {
    process.env[variable] = value;
    for (const uri of files) assert.equal(annotatedLog(specWith(uri), false), uri);
    for (const uri of drivers) isRefused(uri, /and no log driver/);
  }
});

test('no path leads out of the permitted directory', () => {
  process.env[variable] = '/logs';
  const paths = ['/etc/shadow', '/logs/../etc/shadow', '/logs/./c', '/logs//c', '/logs', '/logs-beside/c', '/lOgs/c'];
  for (const path of [...paths, '/logs/%2e%2e/etc/shadow', '/logs%2f..%2fetc/shadow']) {
    for (const scheme of ['file', 'json-file', 'cri', 'fifo'])
      isRefused(`${scheme}://${path}`, /only files below \/logs$/);
  }
});

test('the permission `any` allows every log, and an unknown word allows none', () => {
  process.env[variable] = 'any';
  for (const uri of [...files, ...drivers]) assert.equal(annotatedLog(specWith(uri), false), uri);
  for (const value of ['on', '1', 'true', 'ANY', 'logs']) {
    process.env[variable] = value;
    isRefused('file:///logs/c', /neither an absolute directory nor the word any$/);
  }
});

test('the daemon of a user needs no permission for the bundle of that user', () => {
  for (const uri of [...files, ...drivers]) assert.equal(annotatedLog(specWith(uri), true), uri);
});

test('a bundle without the annotation has no log to permit', () => {
  assert.equal(annotatedLog({}, false), undefined);
  assert.equal(annotatedLog(specWith(''), false), '');
});
