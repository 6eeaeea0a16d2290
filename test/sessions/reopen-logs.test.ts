/*
 * Another program moves a log away, and ReopenLogs tells the daemon. What could break: the daemon continues in the
 * moved file, entries are lost or doubled between the two files, a descriptor of the old file stays open, a log that
 * cannot be reopened loses the old file too, or the caller does not learn that there is nothing to reopen. The tests
 * move logs while a process counts.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reopenLogs } from '../../src/sessions/reopen-logs.js';
import type { OutputTarget, LogTarget } from '../../src/stdio/log-target/output-target.js';
import type { ProcessStdio } from '../../src/task/io/process-io.js';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { makeLatch } from '../helpers/base/latch.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { newSession } from '../helpers/sessions/session.js';
import { newContainer, newStdio } from '../helpers/runtime/task.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const kinds = ['terminal', 'pipes'] as const;
type Kind = (typeof kinds)[number];

function stdioOf(kind: Kind, stdout: OutputTarget | undefined, log?: LogTarget): ProcessStdio {
  const common = { stdin: undefined, holdStdin: true, stdout, noReader: 'skip', log } as const;
  if (kind === 'pipes') return { kind, ...common, stderr: stdout, owner: undefined };
  return { kind, ...common, stdinEnd: 'hangup', size: undefined };
}

function logAt(path: string, format: 'json-file' | 'cri'): LogTarget {
  return { kind: 'log', options: { path, format, maxBytes: undefined, maxFiles: 1, compress: false } };
}

/** What the process wrote, of a log in either format or of a file. The last line may be half there. */
function textOf(path: string): string {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split(/(?<=\n)/) : [];
  return lines
    .filter((line) => line.endsWith('\n'))
    .map((line) => {
      if (line.startsWith('{')) return (JSON.parse(line) as { log: string }).log;
      return line.replace(/^\S+ stdout F /, '');
    })
    .join('');
}

const targets = {
  'json-file': (path: string) => logAt(path, 'json-file'),
  cri: (path: string) => logAt(path, 'cri'),
  file: (path: string): LogTarget => ({ kind: 'file', path }),
};

for (const [name, targetAt] of Object.entries(targets)) {
  for (const kind of kinds) {
    // Without a terminal the process has the file itself.
    const isBeside = name === 'file' && kind === 'pipes';
    leakTest(
      `${kind}: no entry is lost or doubled if a ${name}${isBeside ? ' beside a FIFO' : ''} is moved while a process writes`,
      async (scope) => {
        const directory = temporaryDirectory(scope);
        const [path, enough] = [join(directory, 'log'), join(directory, 'enough')];
        const client = newStdio(scope, kind).stdio as { stdout: OutputTarget };
        const stdio = isBeside ? stdioOf(kind, client.stdout, targetAt(path)) : stdioOf(kind, targetAt(path));
        const count = `i=0; while [ ! -e ${enough} ]; do echo $i; i=$((i+1)); done`;
        const { container } = await newContainer(scope, count, stdio);
        const before = openDescriptors().length;
        await container.start('');
        for (const moved of [1, 2, 3]) {
          await waitFor(() => textOf(path).includes('\n'), 'something in the file');
          renameSync(path, `${path}.${moved}`);
          assert.deepEqual(await reopenLogs(container), [path]);
          await waitFor(() => openDescriptors().length <= before, 'no more descriptors than before');
        }
        await waitFor(() => textOf(path).includes('\n'), 'something in the last file');
        writeFileSync(enough, '');
        await within(container.init.exited, 'the exit');
        const files = [1, 2, 3].map((moved) => textOf(`${path}.${moved}`));
        assert.ok([...files, textOf(path)].every((text) => text !== ''));
        const lines = [...files, textOf(path)].join('').replaceAll('\r', '').split('\n');
        assert.equal(lines.pop(), '');
        assert.deepEqual(lines.map(Number), [...lines.keys()]);
        await assert.rejects(reopenLogs(container), {
          code: 'ERR_STATE_INVALID',
          message: /has ended, and its log is closed/,
        });
      },
    );
  }
}

leakTest('a log that cannot be reopened continues in the old file, and the error says why', async (scope) => {
  const path = join(temporaryDirectory(scope), 'log');
  const latch = makeLatch(scope);
  const { container } = await newContainer(
    scope,
    `echo one; ${latch.wait}; echo two`,
    stdioOf('pipes', logAt(path, 'cri')),
  );
  await container.start('');
  await waitFor(() => textOf(path) === 'one\n', 'the first line');
  renameSync(path, `${path}.1`);
  mkdirSync(path);
  await assert.rejects(reopenLogs(container), { code: 'ERR_LOG_FAILED', message: /\/log/ });
  latch.open();
  await within(container.init.exited, 'the exit');
  assert.equal(textOf(`${path}.1`), 'one\ntwo\n');
});

leakTest('the error says why there is nothing to reopen', async (scope) => {
  const directory = temporaryDirectory(scope);
  const none = await newContainer(scope, 'exec sleep 100', stdioOf('pipes', undefined));
  await assert.rejects(reopenLogs(none.container), {
    code: 'ERR_LOG_NOT_FOUND',
    message: /^the container \S+ has no log$/,
  });
  const own = await newContainer(
    scope,
    'exec sleep 100',
    stdioOf('pipes', { kind: 'file', path: join(directory, 'f') }),
  );
  await own.container.start('');
  await assert.rejects(reopenLogs(own.container), {
    code: 'ERR_UNSUPPORTED',
    message: /the container \S+ itself writes \S+\/f, so the daemon cannot reopen it: .*copytruncate/,
  });
});

leakTest('ReopenLogs answers with the paths', async (scope) => {
  const path = join(temporaryDirectory(scope), 'log');
  const session = await newSession(scope, 'echo hello; exec sleep 100', { stdout: `json-file://${path}` });
  await session.start();
  await waitFor(() => textOf(path) === 'hello\r\n', 'the output');
  renameSync(path, `${path}.1`);
  assert.deepEqual(await session.sessions.reopenLogs({ id: session.id }), { paths: [path] });
  assert.ok(existsSync(path));
  await assert.rejects(session.sessions.reopenLogs({ id: 'x' }), { message: 'there is no container x' });
});

leakTest('the error for a log driver says that the driver needs its own signal', async (scope) => {
  const driver = join(temporaryDirectory(scope), 'driver');
  writeFileSync(driver, '#!/bin/sh\ncat <&3 >/dev/null 5>&- & exec 3<&- 4<&- 5>&-; wait', { mode: 0o755 });
  const session = await newSession(scope, 'exec sleep 100', { stdout: `binary://${driver}` });
  await assert.rejects(session.sessions.reopenLogs({ id: session.id }), {
    errorCode: 'ERR_UNSUPPORTED',
    message: /^the log driver \/\S+\/driver writes the log of the container c: send SIGHUP /,
  });
});
