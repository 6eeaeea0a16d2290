/*
 * A process may exit while other processes still have its output: a helper, `tee`, a service. What could break: their
 * output is lost, they are killed by SIGPIPE, they delay the report of the exit, a deletion comes before their last
 * output or waits for ever, or a log beside a client, or a log driver, lacks their output. In the tests a process exits
 * while another one waits for a latch before it writes; the exit must be reported before the latch opens, and the
 * client and each kind of log target must get the later output.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputTarget } from '../../src/stdio/log-target/output-target.js';
import type { ProcessStdio } from '../../src/task/io/process-io.js';
import { makeLatch } from '../helpers/base/latch.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { stdioKinds, type StdioKind, testLogTargets, stdioOf } from '../helpers/log/log-targets.js';
import { newContainer, newStdio, shellProcess } from '../helpers/runtime/task.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

/** Who is left behind on a terminal gets SIGHUP at the end of its leader. */
const leave = (late: string): string => `trap "" HUP; (${late}) & echo early`;

const shown = (kind: StdioKind, ...lines: string[]): string =>
  lines.map((line) => `${line}${kind === 'terminal' ? '\r' : ''}\n`).join('');

for (const kind of stdioKinds) {
  for (const who of ['init', 'exec'] as const) {
    leakTest(
      `${kind}, ${who}: the exit is reported at once, later output is copied, and Delete waits for it`,
      async (scope) => {
        const latch = makeLatch(scope);
        const script = leave(`${latch.wait}; seq 30000; echo late`);
        const { stdio, output } = newStdio(scope, kind);
        const execId = who === 'init' ? '' : 'one';
        const { container } = await newContainer(
          scope,
          who === 'init' ? script : 'sleep 100',
          who === 'init' ? stdio : newStdio(scope, 'pipes').stdio,
        );
        if (who === 'exec') {
          await container.start('');
          container.addExec(execId, shellProcess(script), stdio);
        }
        await container.start(execId);
        await within(container.process(execId).exited, 'the exit', 5000);
        await output.expect(shown(kind, 'early'));
        let isDeleted = false;
        const deleting = container.delete(execId).then(() => (isDeleted = true));
        await container.pids();
        assert.equal(isDeleted, false, 'it was deleted while somebody had yet to write');
        latch.open();
        await within(deleting, 'the deletion');
        const numbers = Array.from({ length: 30_000 }, (_, i) => String(i + 1));
        assert.ok((await output.all()).toString() === shown(kind, 'early', ...numbers, 'late'));
      },
    );
  }

  for (const why of ['nobody reads', 'it was killed'] as const) {
    leakTest(
      `${kind}: if ${why}, Delete does not wait, and a process that writes later is not killed by that`,
      async (scope) => {
        const latch = makeLatch(scope);
        const status = join(temporaryDirectory(scope), 'status');
        const { stdio, output, leave: leaveOutput } = newStdio(scope, kind);
        const { container } = await newContainer(scope, 'sleep 100', newStdio(scope, 'pipes').stdio);
        await container.start('');
        const onlyStdout: ProcessStdio = stdio.kind === 'pipes' ? { ...stdio, stderr: undefined } : stdio;
        const script = leave(`${latch.wait}; seq 30000; echo $? >${status}`);
        container.addExec('one', shellProcess(why === 'nobody reads' ? script : `${script}; sleep 100`), onlyStdout);
        await container.start('one');
        if (why === 'it was killed') {
          await output.expect(shown(kind, 'early'));
          await container.kill('one', 9, false);
        }
        await within(container.process('one').exited, 'the exit', 5000);
        if (why === 'nobody reads') leaveOutput();
        await within(container.delete('one'), 'the deletion', 2000);
        latch.open();
        const written = (): string | undefined =>
          (existsSync(status) && readFileSync(status, 'utf8').trim()) || undefined;
        assert.equal(await waitFor(written, 'the status of the last write'), '0');
      },
    );
  }

  for (const [name, open] of Object.entries(testLogTargets)) {
    leakTest(`${kind}: a ${name} gets later output, and the exit does not wait for that`, async (scope) => {
      const { target, text } = open(scope);
      const latch = makeLatch(scope);
      const stdio = stdioOf(kind, { stdout: target });
      const { container } = await newContainer(scope, leave(`${latch.wait}; seq 30000 | tail -n 1`), stdio);
      await container.start('');
      await within(container.init.exited, 'the exit', 5000);
      if (name !== 'driver') assert.equal(text(), shown(kind, 'early'));
      latch.open();
      await within(container.delete(''), 'the deletion');
      assert.equal(text(), shown(kind, 'early', '30000'));
    });

    leakTest(
      `${kind}: a ${name} beside a client gets later output, and the exit does not wait for that`,
      async (scope) => {
        const { target, text } = open(scope);
        const client = newStdio(scope, kind);
        const { stdout } = client.stdio as { stdout: OutputTarget };
        const latch = makeLatch(scope);
        const stdio = stdioOf(kind, { stdout, log: target });
        const { container } = await newContainer(scope, leave(`${latch.wait}; echo late`), stdio);
        await container.start('');
        await within(container.init.exited, 'the exit', 5000);
        if (name !== 'driver') assert.equal(text(), shown(kind, 'early'));
        latch.open();
        await within(container.delete(''), 'the deletion');
        assert.equal(text(), shown(kind, 'early', 'late'));
        assert.equal((await client.output.all()).toString(), shown(kind, 'early', 'late'));
      },
    );
  }
}
