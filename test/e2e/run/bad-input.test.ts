/**
 * Users make mistakes on the command line, in files and with containers. What could break: a stack trace or silence
 * instead of one line that names the thing and ends with its code, a wrong exit status, a hang, or something left
 * behind. Each test runs the command with the wrong input; its testbed proves that nothing stays.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { missingFor, runCommand, runtimeCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

interface BadInput {
  name: string;
  args: (testbed: Testbed) => string[];
  code: string;
  /** What the line must name. */
  words: RegExp;
}

const badInputs: BadInput[] = [
  {
    name: 'a bundle that does not exist',
    args: (testbed) => ['run', '-t', '--bundle', testbed.path('nowhere')],
    code: 'ERR_BUNDLE_INVALID',
    words: /nowhere.*does not exist/,
  },
  {
    name: 'a bundle that is a file',
    args: (testbed) => ['run', '-t', '--bundle', fileWith(testbed, 'file', '')],
    code: 'ERR_BUNDLE_INVALID',
    words: /file.*not a directory/,
  },
  {
    name: 'a bundle without config.json',
    args: (testbed) => ['run', '-t', '--bundle', testbed.directory],
    code: 'ERR_BUNDLE_INVALID',
    words: /config\.json.*does not exist/,
  },
  {
    name: 'a bundle whose config.json is not JSON',
    args: (testbed) => ['run', '-t', '--bundle', bundleWith(testbed, '{"ociVersion": "1.0.2",\n"process": }')],
    code: 'ERR_BUNDLE_INVALID',
    words: /config\.json:2:\d+: not JSON/,
  },
  {
    name: 'a bundle whose config.json is empty',
    args: (testbed) => ['run', '-t', '--bundle', bundleWith(testbed, '')],
    code: 'ERR_BUNDLE_INVALID',
    words: /config\.json:1:1: not JSON/,
  },
  {
    name: 'a bundle without a process',
    args: (testbed) => ['run', '-t', '--bundle', bundleWith(testbed, '{"ociVersion": "1.0.2"}')],
    code: 'ERR_BUNDLE_INVALID',
    words: /config\.json: process is missing/,
  },
  {
    name: 'a bundle without a terminal, with -t',
    args: (testbed) => ['run', '-t', '--bundle', makeBundle(testbed, { args: ['sh'], terminal: false, isHost: true })],
    code: 'ERR_BUNDLE_INVALID',
    words: /process\.terminal is not true/,
  },
  {
    name: 'a bundle with a terminal, without -t',
    args: (testbed) => ['run', '--bundle', makeBundle(testbed, { args: ['sh'], terminal: true, isHost: true })],
    code: 'ERR_BUNDLE_INVALID',
    words: /process\.terminal is true/,
  },
  {
    name: 'a runtime that nobody knows',
    args: (testbed) => ['run', '-t', '--runtime', 'ranc', '--bundle', hostBundle(testbed)],
    code: 'ERR_RUNTIME_NOT_FOUND',
    words: /"ranc".*runc, crun, pty/,
  },
  {
    name: 'a runtime whose path leads nowhere',
    args: (testbed) => ['run', '-t', '--runtime', testbed.path('nothing'), '--bundle', hostBundle(testbed)],
    code: 'ERR_RUNTIME_NOT_FOUND',
    words: /nothing/,
  },
  {
    name: 'a runtime that is no program',
    args: (testbed) => ['run', '-t', '--runtime', fileWith(testbed, 'text', 'hello'), '--bundle', hostBundle(testbed)],
    code: 'ERR_RUNTIME_NOT_FOUND',
    words: /text/,
  },
  {
    name: 'a runtime that fails',
    args: (testbed) => runWith(testbed, 'echo "the moon is full" >&2; exit 3'),
    code: 'ERR_RUNTIME_FAILED',
    words: /the moon is full/,
  },
  {
    name: 'a runtime that fails without a word',
    args: (testbed) => runWith(testbed, 'exit 3'),
    code: 'ERR_RUNTIME_FAILED',
    words: /exit status 3/,
  },
  {
    name: 'a runtime that dies',
    args: (testbed) => runWith(testbed, 'case "$*" in *create*) kill -SEGV $$;; esac'),
    code: 'ERR_RUNTIME_(FAILED|DIED)',
    words: /SIGSEGV/,
  },
  {
    name: 'an id with a slash',
    args: () => ['run', '-t', '--name', 'a/b', '--', 'true'],
    code: 'ERR_ID_INVALID',
    words: /"a\/b"/,
  },
  {
    name: 'an empty id',
    args: () => ['run', '-t', '--name', '', '--', 'true'],
    code: 'ERR_ID_INVALID',
    words: /empty/,
  },
  {
    name: 'an id of dots',
    args: () => ['run', '-t', '--name', '..', '--', 'true'],
    code: 'ERR_ID_INVALID',
    words: /"\.\."/,
  },
  {
    name: 'an id of 300 letters',
    args: () => ['run', '-t', '--name', 'a'.repeat(300), '--', 'true'],
    code: 'ERR_ID_INVALID',
    words: /255/,
  },
];

for (const { name, args, code, words } of badInputs) {
  test(`run refuses ${name}`, async (t) => {
    const testbed = openTestbed(t);
    const { stdout, stderr, status } = await runToEnd([termshimProgram, ...args(testbed)], {
      env: testbed.env,
      timeoutMs: 5000,
    });
    assert.match(stderr, new RegExp(`^termshim: [^\\n]* \\[${code}\\]\\n$`));
    assert.match(stderr, words);
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
  });
}

test('run refuses a rootfs that does not exist', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const args = ['run', '-t', '--name', testbed.newId(), '--rootfs', testbed.path('nowhere'), '--', 'sh'];
  const { stderr, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
  assert.match(stderr, /^termshim: [^\n]*nowhere[^\n]* \[ERR_\w+\]\n$/);
  assert.equal(status, 1);
});

for (const runtime of runtimeNames) {
  test(`${runtime}: run refuses an id in use, and the container that has it goes on`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    const script = 'echo up; read line; echo "got $line"; exit 5';
    const first = runCommand(runtime, testbed, { flags: ['-it'], id, command: ['sh', '-c', script] });
    const child = spawn(first[0] as string, first.slice(1), { env: testbed.env, stdio: ['pipe', 'pipe', 'pipe'] });
    const outcome = outcomeOf(child);
    let shown = '';
    child.stdout.on('data', (data: Buffer) => {
      shown += data.toString();
    });
    await waitFor(() => shown.includes('up'), 'the first container to run');
    for (const flags of [['-t'], []]) {
      const second = runCommand(runtime, testbed, { flags, id, command: ['echo', 'hello'] });
      const { stdout, stderr, status } = await runToEnd(second, { env: testbed.env });
      assert.match(stderr, /^termshim: the container .* already exists \[ERR_ID_IN_USE\]\n$/);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    }
    const { stdout: state } = await runToEnd(runtimeCommand(runtime, ['state', id]), { env: testbed.env });
    assert.match(state, /"status": "running"/);
    child.stdin.end('a line\n');
    const { stdout, status } = await within(outcome, 'the end of the first container');
    assert.match(stdout, /got a line\r\n$/);
    assert.equal(status, 5);
  });
}

test('run fails and names the runtime if it exits with 0 but sends no console', async (t) => {
  const testbed = openTestbed(t);
  const began = performance.now();
  const args = runWith(testbed, 'exit 0');
  const { stderr, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
  assert.match(stderr, /^termshim: no console arrived[^\n]* within 10 s[^\n]* \[ERR_CONSOLE_TIMEOUT\]\n$/);
  assert.equal(status, 1);
  assert.ok(performance.now() - began < 12_000);
});

function fileWith(testbed: Testbed, name: string, content: string): string {
  writeFileSync(testbed.path(name), content);
  return testbed.path(name);
}

function bundleWith(testbed: Testbed, config: string): string {
  mkdirSync(testbed.path('bundle'));
  fileWith(testbed, 'bundle/config.json', config);
  return testbed.path('bundle');
}

function hostBundle(testbed: Testbed): string {
  return makeBundle(testbed, { args: ['true'], terminal: true, isHost: true });
}

/** The command line of a run on a runtime that is this script. */
function runWith(testbed: Testbed, script: string): string[] {
  const runtime = writeProgram(testbed, 'runtime', script);
  return ['run', '-t', '--runtime', runtime, '--bundle', hostBundle(testbed)];
}
