/*
 * The stdout of a command may be unusable: its reader has exited, as after `| head -1`, its disk is full, or its
 * terminal has no size. What could break: a stack trace instead of a line, a status that means success, a command that
 * waits for a reader that is gone, or a process that stays. Each command of the table runs in each situation, against a
 * daemon with a container; `ps` and the testbed show what it leaves.
 */
import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import { startOnPty } from '../../helpers/sessions/pty-command.js';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { runCommand, runtimeCommand, termshimCommand as termshim } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { within } from '../../helpers/base/wait-for.js';

/** The status where nobody reads. What a command prints may be all its work: then it ends as by SIGPIPE. */
const answers = 141;
/** Or what it has done is done. */
const reports = 0;
/** The process has a broken pipe, or its terminal has hung up. */
const breaks = 141;
const hangsUp = 129;

const box = 'box';
const ended = 'ended';

/** By its command line. Those that serve until they are ended are run with a full disk alone. */
const table: readonly [line: string, whenLeft: number | 'serves'][] = [
  ['ps', answers],
  ['ps --format json', answers],
  ['ps --watch', answers],
  [`logs ${box}`, answers],
  [`logs --follow ${box}`, answers],
  [`inspect ${box}`, answers],
  [`inspect ${box} --format json`, answers],
  ['stats', answers],
  ['events --since 0', answers],
  [`wait ${ended}`, answers],
  ['completion bash', answers],
  ['--version', answers],
  ['--help', answers],
  ['ps --help', answers],
  ['run -d -- true', reports],
  [`exec -d ${box} true`, reports],
  [`attach --no-stdin ${box}`, reports],
  ['run -- yes', breaks],
  [`exec ${box} yes`, breaks],
  ['run -t -- yes', hangsUp],
  [`exec -t ${box} yes`, hangsUp],
  ['web', 'serves'],
  ['web --format json', 'serves'],
];

/** A container that has printed something and goes on, and one that has ended. */
async function openPlace(t: TestContext): Promise<Testbed> {
  const testbed = openTestbed(t);
  const run = (id: string, script: string) => {
    const flags = ['-dt', '--log', `json-file://${testbed.path(id)}.log`];
    return runToEnd(runCommand('pty', testbed, { flags, id, command: ['sh', '-c', script] }), { env: testbed.env });
  };
  testbed.after(async () => {
    const { stdout } = await runToEnd(termshim('ps', '--format', 'json'), { env: testbed.env });
    const ids = new Set((JSON.parse(stdout) as { id: string }[]).map(({ id }) => id));
    await runToEnd(termshim('delete', '--force', ...ids), { env: testbed.env });
  });
  await run(box, 'echo here; exec sleep 1000');
  await run(ended, 'exit 3');
  await runToEnd(termshim('wait', ended), { env: testbed.env });
  return testbed;
}

/** Runs it with its stdout as the shell's `script` makes it. */
function runWith({ env }: Testbed, script: string, command: readonly string[]): Promise<CommandResult> {
  return runToEnd(['bash', '-c', script, 'bash', ...command], { env });
}

async function running({ env }: Testbed): Promise<string[]> {
  const { stdout } = await runToEnd(termshim('ps', '--format', 'json'), { env });
  const all = JSON.parse(stdout) as { execId: string; state: string; command: string[] }[];
  return all.filter(({ state }) => state === 'running').map(({ command }) => command.join(' '));
}

describe('stdout', { skip: missing('bash') }, () => {
  test('on a full disk is one line on stderr and status 1', async (t) => {
    const testbed = await openPlace(t);
    for (const [line] of table) {
      const outcome = await runWith(testbed, '"$@" >/dev/full', termshim(...line.split(' ')));
      assert.match(outcome.stderr, /^termshim: [^\n]*no space left on device \(ENOSPC\) \[ERR_SYSTEM\]\n$/, line);
      assert.deepEqual([outcome.stdout, outcome.status], ['', 1], line);
    }
    const version = await runWith(testbed, '"$@" >/dev/full', runtimeCommand('pty', ['--version']));
    assert.deepEqual(version, {
      stdout: '',
      stderr: 'cannot write to stdout: no space left on device (ENOSPC)\n',
      status: 1,
    });
    assert.deepEqual(await running(testbed), ['sh -c echo here; exec sleep 1000']);
  });

  test('without a reader ends a command silently', async (t) => {
    const testbed = await openPlace(t);
    for (const [line, status] of table) {
      if (status === 'serves') continue;
      const left = 'exec 3> >(exit); wait $!; exec "$@" >&3';
      const outcome = await runWith(testbed, left, termshim(...line.split(' ')));
      assert.deepEqual(outcome, { stdout: '', stderr: '', status }, line);
    }
    assert.deepEqual(await running(testbed), ['sh -c echo here; exec sleep 1000']);
  });

  test('on a full disk ends a daemon in the foreground', async (t) => {
    const testbed = openTestbed(t);
    const { stderr, status } = await runWith(testbed, '"$@" >/dev/full', termshim('daemon'));
    assert.match(stderr, /^termshim: [^\n]*ENOSPC\) \[ERR_SYSTEM\]\n$/);
    assert.equal(status, 1);
  });
});

describe('a terminal without a size', () => {
  const lines: readonly [line: string, shows: string][] = [
    ['ps', 'STATE'],
    ['run -it -- stty size', '24 80\r\n'],
    [`exec -it ${box} stty size`, '24 80\r\n'],
    [`attach ${box}`, 'here'],
    ['ps --watch', 'STATE'],
  ];
  for (const [line, shows] of lines) {
    test(`is treated as 80x24 by ${line}`, async (t) => {
      const testbed = await openPlace(t);
      const command = ['sh', '-c', 'stty rows 0 cols 0; "$@"; echo "status $?"', 'sh', ...termshim(...line.split(' '))];
      const terminal = startOnPty(testbed, command);
      testbed.after(() => terminal.close());
      await terminal.screen.expect(shows);
      if (line.startsWith('attach')) terminal.type('\x10\x11');
      if (line.endsWith('--watch')) terminal.type('q');
      await within(terminal.ended, 'the end of the command');
      assert.match((await terminal.screen.all()).toString(), /status 0\r\n$/);
    });
  }
});
