/*
 * A log target keeps the output of a container: a file, a log or a log driver, with and without a terminal, alone and
 * beside the FIFO of a client. What could break: bytes are lost or doubled, an exit is reported before the last byte is
 * in the file, a client that is away or does not read stops the log, a log stops a client, or a full disk ends the
 * process. The processes count, so missing output is noticed.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputTarget } from '../../../src/stdio/log-target/output-target.js';
import { makeLatch } from '../../helpers/base/latch.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { stdioKinds, type StdioKind, testLogTargets, stdioOf } from '../../helpers/log/log-targets.js';
import { newContainer, newStdio, shellProcess } from '../../helpers/runtime/task.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const count = 'i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done';
const counted = (kind: StdioKind): string =>
  Array.from({ length: 20_000 }, (_, i) => `${i}${kind === 'terminal' ? '\r' : ''}\n`).join('');

for (const [name, open] of Object.entries(testLogTargets)) {
  for (const kind of stdioKinds) {
    leakTest(`${kind}: a ${name} has every byte when the exit is reported`, async (scope) => {
      const { target, text } = open(scope);
      const { container } = await newContainer(scope, `${count}; exit 3`, stdioOf(kind, { stdout: target }));
      await container.start('');
      assert.equal((await within(container.init.exited, 'the exit', 10_000)).status, 3);
      assert.ok(text() === counted(kind), `it has ${text().length} bytes`);
    });

    leakTest(`${kind}: a ${name} beside a FIFO has every byte, even if the client is away`, async (scope) => {
      const { target, text } = open(scope);
      const client = newStdio(scope, kind);
      const { stdout } = client.stdio as { stdout: OutputTarget };
      const latch = makeLatch(scope);
      const script = `echo first; ${latch.wait}; ${count}`;
      const { container } = await newContainer(scope, script, stdioOf(kind, { stdout, log: target }));
      await container.start('');
      await client.output.expect('first');
      client.leave();
      latch.open();
      await within(container.init.exited, 'the exit', 10_000);
      assert.ok(text() === `first${kind === 'terminal' ? '\r' : ''}\n${counted(kind)}`, `${text().length} bytes`);
      //
      assert.match(await client.comeBack().expect('19999'), /19998\r?\n19999/);
    });
  }
}

for (const kind of stdioKinds) {
  leakTest(
    `${kind}: a client that does not read delays the log for a short time, and is then skipped`,
    async (scope) => {
      const { target, text } = testLogTargets['json-file'](scope);
      const client = newStdio(scope, kind);
      client.output.pause();
      const { stdout } = client.stdio as { stdout: OutputTarget };
      const { container } = await newContainer(scope, count, stdioOf(kind, { stdout, log: target }));
      await container.start('');
      // It is there at the end too, and the last of it is its own for as long as a drain may take.
      await waitFor(() => text().length === counted(kind).length, 'the log to have all', 5000);
      client.output.resume();
      await within(container.init.exited, 'the exit');
      assert.match(await client.output.expect('19999'), /19998\r?\n19999/);
      assert.ok(client.output.byteCount < counted(kind).length);
    },
  );

  leakTest(
    `${kind}: a log that accepts nothing delays the client for a short time, and gets a notice of what it missed`,
    async (scope) => {
      const latch = makeLatch(scope);
      const { target, text } = testLogTargets.driver(scope, latch.wait);
      const client = newStdio(scope, kind);
      const { stdout } = client.stdio as { stdout: OutputTarget };
      const { container } = await newContainer(scope, 'seq 200000', stdioOf(kind, { stdout, log: target }));
      await container.start('');
      const seen = await client.output.expect('\n200000');
      assert.equal(seen.replaceAll('\r', '').length, 1_288_895 - (seen.endsWith('\n') ? 0 : 1));
      latch.open();
      await within(container.init.exited, 'the exit');
      const [, missed] =
        /\n\[termshim: (\d+) bytes of output are missing: this log was too slow\]\n/.exec(text()) ?? [];
      assert.ok(Number(missed) > 500_000);
      assert.match(text(), /^1\r?\n2\r?\n[^]*\n199999\r?\n200000\r?\n$/);
    },
  );

  leakTest(`${kind}: a file that accepts nothing does not affect the process`, async (scope) => {
    const faults: string[] = [];
    const target = { kind: 'file', path: '/dev/full' } as const;
    const client = newStdio(scope, kind);
    const { stdout } = client.stdio as { stdout: OutputTarget };
    const onError = ({ message }: Error): void => void faults.push(message);
    const stdio = stdioOf(kind, { stdout, log: target });
    const { container } = await newContainer(scope, `${count}; exit 3`, stdio, { onError });
    await container.start('');
    await client.output.expect('19999');
    assert.equal((await within(container.init.exited, 'the exit')).status, 3);
    assert.deepEqual(faults, ['cannot write the file /dev/full: no space left on device (ENOSPC)']);
  });

  leakTest(`${kind}: the container is not created if its log cannot be created`, async (scope) => {
    const { target } = testLogTargets['json-file'](scope);
    const nowhere = { ...target, options: { ...target.options, path: '/proc/none/log' } };
    const failing = newContainer(scope, 'true', stdioOf(kind, { stdout: nowhere }));
    await assert.rejects(failing, { code: 'ERR_LOG_FAILED', message: /the log \/proc\/none\/log/ });
  });
}

leakTest('a log distinguishes stdout and stderr, alone and beside FIFOs', async (scope) => {
  for (const isBeside of [false, true]) {
    const { target } = testLogTargets['json-file'](scope);
    const { stdio } = newStdio(scope, 'pipes');
    const targets = isBeside ? { ...stdio, log: target } : stdioOf('pipes', { stdout: target });
    const { container } = await newContainer(scope, 'echo out; echo err >&2', targets);
    await container.start('');
    await within(container.init.exited, 'the exit');
    const lines = readFileSync(target.options.path, 'utf8').trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { log: string; stream: string });
    const told = entries.map(({ log, stream }) => `${stream} ${log}`).toSorted();
    assert.deepEqual(told, ['stderr err\n', 'stdout out\n']);
  }
});

leakTest('a file is created as containerd creates it, and appended to', async (scope) => {
  const directory = join(temporaryDirectory(scope), 'new');
  const path = join(directory, 'file');
  for (const kind of [...stdioKinds, ...stdioKinds]) {
    const { container } = await newContainer(scope, 'echo x', stdioOf(kind, { stdout: { kind: 'file', path } }));
    await container.start('');
    await within(container.init.exited, 'the exit');
  }
  assert.equal(readFileSync(path, 'utf8'), 'x\r\nx\nx\r\nx\n');
  assert.deepEqual([statSync(directory).mode & 0o777, statSync(path).mode & 0o777], [0o755, 0o644]);
});

leakTest('an exec process has a log of its own, or none', async (scope) => {
  const { target, text } = testLogTargets['json-file'](scope);
  const other = testLogTargets.file(scope);
  const client = newStdio(scope, 'pipes');
  const { container } = await newContainer(scope, 'exec sleep 100', stdioOf('pipes', { stdout: target }));
  await container.start('');
  container.addExec('silent', shellProcess('echo to the client'), client.stdio);
  await container.start('silent');
  await client.output.expect('to the client');
  container.addExec('kept', shellProcess('echo to the file'), stdioOf('terminal', { stdout: other.target }));
  await container.start('kept');
  await within(container.process('kept').exited, 'the exit');
  assert.equal(other.text(), 'to the file\r\n');
  assert.equal(text(), '');
});
