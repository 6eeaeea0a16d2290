/*
 * A writer that opened a FIFO without a reader would lose the output of a short process, and a writer that waited in
 * open(2) would block a thread of libuv's pool: four of them stop all file access. The tests open it while a reader
 * exists, waits in open(2) itself, comes late or never, and while the path changes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { describe } from 'node:test';
import { FifoWriter } from '../../src/os/fifo.js';
import { newFifo, openReader, openWriter, readOnce, writeOnce } from '../helpers/copy/fifo-ends.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { within } from '../helpers/base/wait-for.js';

const invalid = { name: 'TermshimError', code: 'ERR_FIFO_INVALID' };

describe('FifoWriter.open', () => {
  leakTest('succeeds if there is a reader', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    writeOnce(await openWriter(scope, reader.path), 'hello');
    assert.equal(readOnce(reader), 'hello');
  });

  leakTest('succeeds if a reader waits in open(2)', async (scope) => {
    const path = newFifo(scope);
    const child = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const writer = await openWriter(scope, path);
    writeOnce(writer, 'hello');
    writer.close();
    assert.equal(await within(text(child.stdout), 'the reader'), 'hello');
  });

  leakTest('waits for a reader that opens late', async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 0 });
    let isOpen = false;
    void opening.then(() => (isOpen = true));
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(isOpen, false);
    const child = spawn('sh', ['-c', 'sleep 0.05; cat "$0"', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const writer = await within(opening, 'the late reader');
    writeOnce(writer, 'hello');
    writer.close();
    assert.equal(await within(text(child.stdout), 'the reader'), 'hello');
  });

  leakTest('fails after its timeout, and names the path and the time', async (scope) => {
    const path = newFifo(scope);
    const start = performance.now();
    await assert.rejects(FifoWriter.open(path, { timeoutMs: 120 }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_FIFO_TIMEOUT');
      assert.ok(error.message.includes(path) && error.message.includes('0.12 s'), error.message);
      return true;
    });
    const elapsed = performance.now() - start;
    assert.ok(elapsed >= 119 && elapsed < 1000, `${elapsed} ms`);
  });

  leakTest('fails with the reason of a signal that aborts during the wait', async (scope) => {
    const path = newFifo(scope);
    const aborting = new AbortController();
    const reason = new Error('enough');
    const opening = FifoWriter.open(path, { timeoutMs: 0, signal: aborting.signal });
    setTimeout(() => aborting.abort(reason), 30);
    await assert.rejects(within(opening, 'the abort'), (error) => error === reason);
  });

  leakTest('opens nothing if the signal has already aborted, even if there is a reader', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const reason = new Error('enough');
    const opening = FifoWriter.open(reader.path, { timeoutMs: 0, signal: AbortSignal.abort(reason) });
    await assert.rejects(opening, (error) => error === reason);
  });

  leakTest('refuses a path that becomes another file during the wait', async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 5000 });
    opening.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(path);
    writeFileSync(path, '');
    await assert.rejects(within(opening, 'the refusal'), invalid);
    assert.equal(statSync(path).size, 0);
  });

  leakTest('refuses a path that vanishes during the wait', async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 5000 });
    opening.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(path);
    await assert.rejects(within(opening, 'the refusal'), invalid);
  });

  leakTest('blocks no thread while twenty calls wait', async (scope) => {
    const abortings = Array.from({ length: 20 }, () => new AbortController());
    const openings = abortings.map(({ signal }) => FifoWriter.open(newFifo(scope), { timeoutMs: 0, signal }));
    await within(readFile('/proc/self/stat'), 'the file system', 2000);
    for (const aborting of abortings) aborting.abort();
    for (const outcome of await Promise.allSettled(openings)) assert.equal(outcome.status, 'rejected');
  });
});
