/*
 * Completion must not offer a word that the command line cannot take, and must find the word at the cursor behind
 * options and their values. It must never get in the way: if the daemon is missing, silent or broken, it soon offers
 * nothing, and it never starts a daemon. The tests complete lines against a fake daemon and without one.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { type Answer, complete } from '../../../src/cli/completion/complete.js';
import { verbs } from '../../../src/cli/verbs.js';
import {
  type FakeDaemonOptions,
  endedSession,
  environmentWithoutDaemon,
  serveFakeDaemon,
  session,
} from '../../helpers/e2e/fake-daemon.js';
import { termshim } from '../../helpers/e2e/termshim.js';

const list = [
  session('web'),
  session('web', { execId: 'shell' }),
  session('worker', { command: ['sh', '-c', 'a: b'] }),
  session('worker', { execId: 'other' }),
  endedSession('db', 1),
];

/** The words of the line; the last is being typed. */
async function completed(
  t: TestContext,
  line: string,
  options: FakeDaemonOptions = { list },
): Promise<Answer | string[]> {
  const { env } = serveFakeDaemon(t, options);
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = env['XDG_RUNTIME_DIR'];
  try {
    const answer = await complete(line.split(' '), verbs);
    return typeof answer === 'string' ? answer : answer.map(({ value }) => value);
  } finally {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  }
}

describe('complete', () => {
  const cases: readonly (readonly [line: string, answer: Answer | readonly string[]])[] = [
    ['re', ['reopen-logs', 'resize', 'record', 'resume', 'recvtty']],
    ['xyz', []],
    ['--v', ['--version']],
    ['help ki', ['kill']],
    ['fly ', []],
    ['kill ', ['web', 'worker', 'db']],
    ['kill wo', ['worker']],
    ['kill web ', []],
    ['delete web ', ['worker', 'db']],
    ['delete -f web db w', ['worker']],
    ['kill -', ['--signal', '-s', '--all', '--exec', '--shim', '--help', '-h']],
    ['--s', ['--shim']],
    ['--shim /usr/bin/a-shim kill --a', ['--all']],
    ['kill --a', ['--all']],
    ['kill -s HU', ['HUP']],
    ['kill --signal HU', ['HUP']],
    ['kill --signal=HU', ['--signal=HUP']],
    ['kill -s HUP ', ['web', 'worker', 'db']],
    ['kill --signal=HUP we', ['web']],
    ['kill --all ', ['web', 'worker', 'db']],
    ['kill --exec ', ['shell', 'other']],
    ['kill wo --exec ', ['other']],
    ['kill -- -', []],
    ['ps --format ', ['table', 'json']],
    ['ps --format=j', ['--format=json']],
    ['ps --watch=', []],
    ['ps ', []],
    ['resize web --policy ', ['latest', 'smallest', 'largest']],
    ['resize web ', []],
    ['record w', ['web', 'worker']],
    ['record web ', 'files'],
    ['run -t --record ', 'files'],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['recvtty ', 'files'],
    ['recvtty --pid-file ', 'files'],
    ['recvtty -m s', ['single']],
    ['run --bundle ', 'dirs'],
    ['run --bundle=/', 'dirs'],
    ['run --name w', []],
    ['run -it ', 'files'],
    ['run -it ls -', 'files'],
    ['run --runtime c', ['crun']],
    ['run --size l', ['latest', 'largest']],
    ['exec -it w', ['web', 'worker']],
    ['exec -it web ', 'files'],
    ['exec web -', 'files'],
    ['attach --exec ', ['shell', 'other']],
    ['daemon --s', ['--stop']],
    ['logs wo', ['worker']],
    ['logs ./wo', 'files'],
    ['logs --tail ', []],
  ];
  for (const [line, answer] of cases) {
    test(`offers the right words after ${JSON.stringify(line)}`, async (t) =>
      assert.deepEqual(await completed(t, line), answer));
  }
});

describe('completion answers', () => {
  const cases: readonly (readonly [shell: string, words: string[], lines: string])[] = [
    ['bash', ['kill', 'w'], 'web\nworker\n'],
    ['zsh', ['kill', 'w'], "web:running, sh\nworker:running, sh -c 'a: b'\n"],
    ['fish', ['kill', 'w'], "web\trunning, sh\nworker\trunning, sh -c 'a: b'\n"],
    ['bash', ['ps', '--format', '=', 'j'], 'json\n'],
    ['bash', ['ps', '--format', '='], 'table\njson\n'],
    ['zsh', ['ps', '--format=j'], '--format=json:\n'],
    ['fish', ['ps', '--format=j'], '--format=json\t\n'],
    ['bash', ['run', '--bundle', ''], ':dirs\n'],
    ['bash', ['wait', ''], 'web\nworker\ndb\n'],
  ];
  for (const [shell, words, lines] of cases) {
    test(`for ${shell}: ${words.join(' ')}`, async (t) => {
      const { env } = serveFakeDaemon(t, { list });
      const outcome = await termshim(['completion', shell, '--', ...words], { env });
      assert.deepEqual(outcome, { stdout: lines, stderr: '', status: 0 });
    });
  }
});

describe('complete prints nothing', () => {
  const nothing = { stdout: '', stderr: '', status: 0 };
  const ask = ['completion', 'bash', '--', 'kill', ''];

  test('if there is no daemon, and starts none', async (t) => {
    const { env } = environmentWithoutDaemon(t);
    assert.deepEqual(await termshim(ask, { env }), nothing);
    assert.ok(!existsSync(join(env['XDG_RUNTIME_DIR'] as string, 'termshim')));
  });

  test('if the daemon fails', async (t) => {
    const fail = (): never => {
      throw new Error('a bug');
    };
    const { env } = serveFakeDaemon(t, { sessions: { list: fail } });
    assert.deepEqual(await termshim(ask, { env }), nothing);
  });

  test('if the daemon does not answer in time', async (t) => {
    const { env } = serveFakeDaemon(t, { sessions: { list: () => new Promise(() => {}) } });
    assert.deepEqual(await termshim(ask, { env, timeout: 10_000 }), nothing);
  });
});
