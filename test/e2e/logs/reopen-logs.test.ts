/*
 * The test rotates a log from outside, as logrotate does: it moves the log of a running container, and `termshim
 * reopen-logs` tells the daemon. What could break: a line is in neither file or in both, a client at the terminal
 * notices, or the command says nothing about a log that the daemon cannot reopen.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CommandResult, outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { startTermshim } from '../../helpers/e2e/termshim.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { outputOf, readGrowingLog } from '../../helpers/log/log-entries.js';

for (const kind of ['terminal', 'pipes'] as const) {
  test(`${kind}: no line is lost or doubled if a log is moved while a container writes to it`, {
    skip: missingFor('runc'),
    timeout: 60_000,
  }, async (t) => {
    const testbed = openTestbed(t);
    const termshim = (...args: string[]): Promise<CommandResult> =>
      runToEnd(termshimCommand(...args), { env: testbed.env });
    const [id, path] = [testbed.newId(), testbed.path('web.log')];
    const count = (from: number): string => `i=${from}; while [ $i -lt ${from + 3000} ]; do echo $i; i=$((i+1)); done`;
    const script = `stty -echo 2>/dev/null; ${count(0)}; read -r go; ${count(3000)}; read -r go; echo last`;
    const flags = ['-i', ...(kind === 'terminal' ? ['-t'] : []), '--log', `json-file://${path}`];
    const terminal = openTerminal(testbed, runCommand('runc', testbed, { flags, id, command: ['sh', '-c', script] }));
    // The log is there before the container is.
    await terminal.expect('\n1\r\n', 20_000);
    const following = startTermshim(['logs', '-f', id], { env: testbed.env });
    testbed.after(() => following.kill('SIGKILL'));
    const followed = outcomeOf(following);
    await once(following.stdout as NodeJS.ReadableStream, 'readable');
    const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}`);
    const logged = async (...files: string[]): Promise<string[]> => {
      const shown = await Promise.all(files.map((file) => termshim('logs', file)));
      return shown
        .map(({ stdout }) => stdout)
        .join('')
        .replaceAll('\r', '')
        .split('\n')
        .slice(0, -1);
    };
    // In the middle of it, and when nothing is written.
    await terminal.expect('\n100\r\n', 20_000);
    renameSync(path, `${path}.first`);
    assert.deepEqual(await termshim('reopen-logs', id), { stdout: `${path}\n`, stderr: '', status: 0 });
    await terminal.expect('\n2999\r\n', 20_000);
    // The human and the log are served independently of each other.
    const has = (file: string): boolean => outputOf(readGrowingLog('json-file', file), 'stdout').includes('\n2999');
    await waitFor(() => has(`${path}.first`) || has(path), 'the line in the log');
    renameSync(path, `${path}.second`);
    assert.equal((await termshim('reopen-logs', id)).stdout, `${path}\n`);
    assert.deepEqual(await logged(`${path}.first`, `${path}.second`), lines(0, 3000));
    assert.equal(statSync(path).size, 0);
    terminal.type('\r');
    await terminal.expect('\n5999\r\n', 20_000);
    terminal.type('\r');
    assert.equal(await within(terminal.exited, 'the end'), 0);
    const { stdout, stderr, status } = await within(followed, 'the end of who follows');
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
    assert.deepEqual(await logged(path), [...lines(3000, 6000), 'last']);
    assert.equal(stdout.replaceAll('\r', ''), [...lines(0, 6000), 'last', ''].join('\n'));
  });
}

test('reopen-logs fails with one line if a log cannot be reopened', {
  skip: missingFor('runc'),
  timeout: 60_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const driver = testbed.path('driver');
  writeFileSync(driver, '#!/bin/sh\ncat <&3 >/dev/null 5>&- & exec 3<&- 4<&- 5>&-; wait', { mode: 0o755 });
  const refusals: [flags: string[], words: RegExp][] = [
    [['-d'], /has no log \[ERR_LOG_NOT_FOUND\]/],
    [
      ['-dt', '--log', `binary://${driver}`],
      /\/driver writes the log of [^\n]* SIGHUP to termshim-log-driver [^\n]*\[ERR_UNSUPPORTED\]/,
    ],
    [
      ['-d', '--log', `file://${testbed.path('out')}`],
      /itself writes \S+\/out, so [^\n]*copytruncate\) \[ERR_UNSUPPORTED\]/,
    ],
  ];
  for (const [flags, words] of refusals) {
    const id = testbed.newId();
    await runToEnd(runCommand('runc', testbed, { flags, id, command: ['sleep', '1000'] }), { env: testbed.env });
    testbed.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env }));
    const { stdout, stderr, status } = await runToEnd(termshimCommand('reopen-logs', id), { env: testbed.env });
    assert.match(stderr, /^termshim: [^\n]*\n$/);
    assert.match(stderr, words);
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
  }
});
