/*
 * These tests run the verbs that query and control containers, as a user types them, against a fake daemon. A verb must
 * send the complete request, and must print what the daemon answered, for people or for scripts. If something goes
 * wrong, it must print one line on stderr, exit with status 1, and print nothing on stdout that a script could take for
 * an answer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TermshimError } from '../../src/errors/errors.js';
import { Metrics as MetricsV1 } from '../../src/ttrpc/gen/containerd/cgroup-v1.js';
import { Status } from '../../src/ttrpc/gen/containerd/task-status.js';
import { DeleteResponse, StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import { ClientInfo, Event } from '../../src/ttrpc/gen/termshim/sessions.js';
import { message, packAny, timestampOf } from '../../src/ttrpc/message.js';
import { Code, RpcError } from '../../src/ttrpc/status.js';
import {
  type FakeDaemonOptions,
  endedSession,
  environmentWithoutDaemon,
  serveFakeDaemon,
  session,
} from '../helpers/e2e/fake-daemon.js';
import type { Scope } from '../helpers/base/leak-free.js';
import { missing } from '../helpers/base/requirement.js';
import { startTermshim, termshim, termshimProgram } from '../helpers/e2e/termshim.js';
import { waitFor } from '../helpers/base/wait-for.js';

const list = [session('web'), session('web', { execId: 'shell' }), endedSession('db', 137)];

async function run(scope: Scope, args: readonly string[], options: FakeDaemonOptions = {}) {
  const daemon = serveFakeDaemon(scope, { list, ...options });
  return { ...(await termshim(args, { env: daemon.env })), calls: daemon.calls };
}

const silence = { stdout: '', stderr: '', status: 0 };

describe('ps', () => {
  test('shows processes in columns', async (t) => {
    const sessions = [
      session('web', { clients: 2, stdinBytes: 12n, stdoutBytes: 5_000_000n }),
      session('web', {
        execId: 'shell',
        pid: 4712,
        createdAt: timestampOf(Date.now() - 90_000_000),
        tty: '/dev/pts/4',
      }),
      endedSession('db', 137, { command: ['postgres', '-c', 'log_destination=a very long thing indeed'] }),
      session('job', { terminal: false, tty: '', columns: 0, rows: 0, state: 'created' }),
      session('stuck', { waitingSince: timestampOf(Date.now() - 7_200_000), columns: 0, rows: 0 }),
    ];
    const { stdout, stderr, status } = await run(t, ['ps', '-a'], { list: sessions });
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
    assert.deepEqual(
      stdout.split('\n').map((line) => line.split(/ {3,}/)),
      [
        ['ID', 'EXEC', 'STATE', 'PID', 'TTY', 'SIZE', 'CLIENTS', 'IN', 'OUT', 'WAITING', 'AGE', 'COMMAND'],
        ['web', '-', 'running', '4711', '/dev/pts/3', '80x24', '2', '12B', '4.8MiB', '-', '5h', 'sh'],
        ['web', 'shell', 'running', '4712', '/dev/pts/4', '80x24', '0', '0B', '0B', '-', '1d1h', 'sh'],
        [
          'db',
          '-',
          'stopped(137)',
          '-',
          '/dev/pts/3',
          '80x24',
          '0',
          '0B',
          '0B',
          '-',
          '5h',
          "postgres -c 'log_destination=a very lon…",
        ],
        ['job', '-', 'created', '4711', '-', '-', '-', '-', '-', '-', '5h', 'sh'],
        ['stuck', '-', 'running', '4711', '/dev/pts/3', '-', '0', '0B', '0B', '2h', '5h', 'sh'],
        [''],
      ],
    );
  });

  test('--format json prints every key, with null for what is missing', async (t) => {
    const createdAt = timestampOf(1_700_000_000_123);
    const sessions = [session('web', { createdAt, stdoutBytes: 2n ** 40n }), endedSession('db', 3)];
    const { stdout, ...rest } = await run(t, ['ps', '--format', 'json'], { list: sessions });
    const [web, db] = JSON.parse(stdout) as Record<string, unknown>[];
    assert.deepEqual(web, {
      id: 'web',
      execId: '',
      state: 'running',
      pid: 4711,
      terminal: true,
      tty: '/dev/pts/3',
      columns: 80,
      rows: 24,
      sizePolicy: 'latest',
      clients: 0,
      stdinBytes: 0,
      stdoutBytes: 2 ** 40,
      waitingSince: null,
      createdAt: '2023-11-14T22:13:20.123Z',
      exitStatus: null,
      exitedAt: null,
      command: ['sh'],
      bundle: '/bundles/web',
      runtime: 'runc',
      screen: false,
      log: '',
      recording: '',
      recordingFailure: '',
      screenFailure: '',
    });
    assert.equal(db?.['exitStatus'], 3);
    assert.deepEqual(rest, { stderr: '', status: 0, calls: [] });
  });

  test('without a daemon shows an empty list', async (t) => {
    const { env } = environmentWithoutDaemon(t);
    const shown = await termshim(['ps'], { env });
    assert.match(shown.stdout, /^ID .*COMMAND\n$/);
    assert.deepEqual({ ...shown, stdout: '' }, silence);
    assert.deepEqual(await termshim(['ps', '--format', 'json'], { env }), { ...silence, stdout: '[]\n' });
    assert.deepEqual(await termshim(['stats', '--format', 'json'], { env }), { ...silence, stdout: '[]\n' });
  });

  test('after a kill of the daemon shows an empty list and no error', async (t) => {
    const daemon = serveFakeDaemon(t, { list });
    daemon.kill();
    assert.deepEqual(await termshim(['ps', '--format', 'json'], { env: daemon.env }), { ...silence, stdout: '[]\n' });
  });

  test('--watch without a terminal prints a table each second', async (t) => {
    const daemon = serveFakeDaemon(t, { list });
    const child = startTermshim(['ps', '--watch'], { env: daemon.env });
    let shown = '';
    child.stdout?.on('data', (data: Buffer) => (shown += data.toString()));
    await waitFor(() => shown.split('COMMAND').length > 3, 'three tables');
    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.deepEqual([code, signal], [null, 'SIGINT']);
    assert.match(shown, /\n\nID /);
    assert.ok(!shown.includes('\u001b'));
  });
});

describe('a reader of stdout that exits early', () => {
  const many = Array.from({ length: 3000 }, (_, i) => session(`container-${i}`));
  for (const args of [['ps'], ['ps', '--format', 'json'], ['ps', '--watch']]) {
    test(`ends ${args.join(' ')} with the status of SIGPIPE and no message`, async (t) => {
      const { env } = serveFakeDaemon(t, { list: many });
      const script = '"$@" | head -c 10 >/dev/null; echo "${PIPESTATUS[0]}"';
      const shell = spawn('bash', ['-c', script, 'bash', termshimProgram, ...args], { env });
      const [stdout, stderr] = await Promise.all([readAll(shell.stdout), readAll(shell.stderr)]);
      assert.deepEqual([stdout, stderr], ['141\n', '']);
    });
  }

  test('ends a command that prints one line at a time with the status of SIGPIPE', async (t) => {
    const { env } = serveFakeDaemon(t, { list });
    const shell = spawn('bash', ['-c', '"$@" | head -1', 'bash', termshimProgram, 'ps'], { env });
    const [stdout, stderr] = await Promise.all([readAll(shell.stdout), readAll(shell.stderr)]);
    assert.match(stdout, /^ID .*\n$/);
    assert.equal(stderr, '');
  });
});

test('a full disk under stdout is an error with status 1', async (t) => {
  const { env } = serveFakeDaemon(t, { list });
  const shell = spawn('sh', ['-c', '"$@" >/dev/full', 'sh', termshimProgram, 'ps'], { env });
  const [stderr, [status]] = await Promise.all([readAll(shell.stderr), once(shell, 'exit')]);
  assert.match(stderr, /^termshim: cannot write to stdout: no space left on device \(ENOSPC\) \[ERR_SYSTEM\]\n$/);
  assert.equal(status, 1);
});

describe('inspect', () => {
  const clients = [
    message(ClientInfo, {
      client: 1,
      label: 'root@pts/7',
      since: timestampOf(Date.now() - 7_200_000),
      columns: 100,
      rows: 30,
      typedBytes: 5n,
      seenBytes: 2048n,
    }),
    message(ClientInfo, { client: 2, readOnly: true, behindBytes: 1024n, skippedBytes: 4096n }),
  ];
  const inspect = () => ({ session: session('web', { command: ['sh', '-c', 'a\nb'] }), clients });

  test('shows the container and its clients', async (t) => {
    const { stdout, calls, ...rest } = await run(t, ['inspect', 'w'], { sessions: { inspect } });
    assert.deepEqual(calls, [['Inspect', { id: 'web', execId: '' }]]);
    assert.deepEqual(rest, { stderr: '', status: 0 });
    const [facts = '', table = ''] = stdout.split('\n\n');
    const told = Object.fromEntries(facts.split('\n').map((line) => line.split(/ {3,}/)));
    assert.equal(told['id'], 'web');
    assert.equal(told['exec'], '-');
    assert.equal(told['command'], "sh -c 'a\\nb'");
    assert.equal(told['size'], '80x24, by latest');
    assert.equal(told['ended'], '-');
    assert.deepEqual(
      table.split('\n').map((line) => line.split(/ {3,}/)),
      [
        ['CLIENT', 'SINCE', 'WINDOW', 'TYPED', 'SEEN', 'BEHIND', 'SKIPPED', 'LABEL'],
        ['1', '2h', '100x30', '5B', '2KiB', '0B', '0B', 'root@pts/7'],
        ['2', '-', '-', 'read-only', '0B', '1KiB', '4KiB', '-'],
        [''],
      ],
    );
  });

  test('--format json prints the session and its clients', async (t) => {
    const args = ['inspect', 'web', '--exec', 'sh', '--format', 'json'];
    const { stdout, calls } = await run(t, args, { sessions: { inspect } });
    assert.deepEqual(calls, [['Inspect', { id: 'web', execId: 'shell' }]]);
    const told = JSON.parse(stdout) as { session: { command: string[] }; clients: { client: number; label: string }[] };
    assert.deepEqual(told.session.command, ['sh', '-c', 'a\nb']);
    assert.deepEqual(
      told.clients.map((it) => [it.client, it.label]),
      [
        [1, 'root@pts/7'],
        [2, ''],
      ],
    );
  });
});

describe('a verb sends the request for', () => {
  const web = { id: 'web', execId: '' };
  const cases: readonly (readonly [args: string[], call: [string, object]])[] = [
    [
      ['resize', 'web', '100x30'],
      ['SetSizePolicy', { ...web, policy: '100x30' }],
    ],
    [
      ['resize', 'web', '--policy', '2'],
      ['SetSizePolicy', { ...web, policy: '2' }],
    ],
    [
      ['resize', 'w', '--exec', 'she', '--policy', 'smallest'],
      ['SetSizePolicy', { id: 'web', execId: 'shell', policy: 'smallest' }],
    ],
    [
      ['record', 'web', '/tmp/web.cast'],
      ['Record', { ...web, path: '/tmp/web.cast', input: false }],
    ],
    [
      ['record', '--input', 'w', 'web.cast', '--exec', 's'],
      ['Record', { id: 'web', execId: 'shell', path: resolve('web.cast'), input: true }],
    ],
    [
      ['record', '--stop', 'w'],
      ['EndRecording', web],
    ],
    [
      ['kill', 'web'],
      ['Kill', { ...web, signal: 15, all: false }],
    ],
    [
      ['kill', '-s', 'hup', '--all', 'w'],
      ['Kill', { ...web, signal: 1, all: true }],
    ],
    [
      ['kill', 'w', '-s', '9', '--exec', 'shell'],
      ['Kill', { id: 'web', execId: 'shell', signal: 9, all: false }],
    ],
    [
      ['pause', 'w'],
      ['Pause', { id: 'web' }],
    ],
    [
      ['resume', 'web'],
      ['Resume', { id: 'web' }],
    ],
  ];
  const nothing = () => ({});
  for (const [args, call] of cases) {
    test(args.join(' '), async (t) => {
      const task = { kill: nothing, pause: nothing, resume: nothing };
      const sessions = { setSizePolicy: nothing, record: nothing, endRecording: nothing };
      const outcome = await run(t, args, { task, sessions });
      assert.deepEqual(outcome, { ...silence, calls: [call] });
    });
  }
});

test('reopen-logs prints what was opened', async (t) => {
  const reopenLogs = () => ({ paths: ['/logs/a', '/logs/b'] });
  const { calls, ...outcome } = await run(t, ['reopen-logs', 'w'], { sessions: { reopenLogs } });
  assert.deepEqual(calls, [['ReopenLogs', { id: 'web' }]]);
  assert.deepEqual(outcome, { stdout: '/logs/a\n/logs/b\n', stderr: '', status: 0 });
});

test('wait prints the exit status of the process and exits with 0', async (t) => {
  const wait = async () => {
    await delay(100);
    return { exitStatus: 137, exitedAt: undefined };
  };
  const { calls, ...outcome } = await run(t, ['wait', 'web'], { task: { wait } });
  assert.deepEqual(calls, [['Wait', { id: 'web', execId: '' }]]);
  assert.deepEqual(outcome, { stdout: '137\n', stderr: '', status: 0 });
});

describe('delete', () => {
  const deleted = () => message(DeleteResponse);
  const stateOf = (status: Status) => () => message(StateResponse, { status });

  test('prints what it removed, and goes on after a refusal', async (t) => {
    const refuse = ({ id }: { id: string }) => {
      if (id === 'db') return deleted();
      throw new TermshimError('ERR_STATE_INVALID', 'the container web is running and cannot become deleted');
    };
    const outcome = await run(t, ['delete', 'web', 'x', 'db'], { task: { delete: refuse } });
    assert.equal(outcome.stdout, 'db\n');
    assert.deepEqual(outcome.stderr.split('\n'), [
      'termshim: the container web is running and cannot become deleted [ERR_STATE_INVALID]',
      'termshim: no such container: x; there are: db, web [ERR_PROCESS_NOT_FOUND]',
      '',
    ]);
    assert.equal(outcome.status, 1);
  });

  test('with --force kills all processes and waits for their end', async (t) => {
    const wait = () => ({ exitStatus: 137, exitedAt: undefined });
    const task = { state: stateOf(Status.PAUSED), kill: () => ({}), wait, delete: deleted };
    const { calls, ...outcome } = await run(t, ['delete', '-f', 'web'], { task });
    const ids = { id: 'web', execId: '' };
    assert.deepEqual(calls, [
      ['State', ids],
      ['Kill', { ...ids, signal: 9, all: true }],
      ['Wait', ids],
      ['Delete', ids],
    ]);
    assert.deepEqual(outcome, { ...silence, stdout: 'web\n' });
  });

  test('with --force and --exec kills only that exec process', async (t) => {
    const wait = () => ({ exitStatus: 137, exitedAt: undefined });
    const task = { state: stateOf(Status.RUNNING), kill: () => ({}), wait, delete: deleted };
    const { calls, ...outcome } = await run(t, ['delete', '-f', 'web', '--exec', 'shell'], { task });
    assert.deepEqual(calls[1], ['Kill', { id: 'web', execId: 'shell', signal: 9, all: false }]);
    assert.deepEqual(outcome, { ...silence, stdout: 'shell\n' });
  });

  for (const status of [Status.STOPPED, Status.CREATED]) {
    test(`with --force kills nothing in the state ${status}`, async (t) => {
      const { calls } = await run(t, ['delete', '-f', 'db'], { task: { state: stateOf(status), delete: deleted } });
      assert.deepEqual(
        calls.map(([method]) => method),
        ['State', 'Delete'],
      );
    });
  }

  test('with --force succeeds if `run` removes the container meanwhile', async (t) => {
    const gone = (): never => {
      throw new TermshimError('ERR_PROCESS_NOT_FOUND', 'there is no container web');
    };
    const task = { state: stateOf(Status.RUNNING), kill: gone, wait: gone, delete: gone };
    const { calls, ...outcome } = await run(t, ['delete', '-f', 'web'], { task });
    assert.deepEqual(outcome, { ...silence, stdout: 'web\n' });
    assert.equal(calls.length, 4);
  });
});

describe('stats', () => {
  const zero = message(MetricsV1);
  let cpu = 0n;
  const stats = ({ id }: { id: string }) => {
    if (id === 'db') throw new RpcError(Code.NotFound, 'the container db has no control group');
    cpu += 10_000_000_000n;
    return {
      stats: packAny(MetricsV1, {
        ...zero,
        cpu: { usage: { total: cpu, kernel: 0n, user: 0n, perCpu: [] }, throttling: undefined },
        pids: { current: 3n, limit: 0n },
      }),
    };
  };

  test('shows the usage, and leaves out containers without a control group', async (t) => {
    const { stdout, stderr, status } = await run(t, ['stats'], { task: { stats } });
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
    const [header, web, db] = stdout.split('\n').map((line) => line.split(/ {3,}/));
    assert.deepEqual(header, ['ID', 'CPU', 'CPU TIME', 'MEMORY', 'LIMIT', 'PIDS']);
    assert.match(web?.[1] ?? '', /^1\d{3}\.\d%$/);
    assert.deepEqual(db, ['db', '-', '-', '-', '-', '-']);
  });

  test('--format json prints the containers that are named', async (t) => {
    const { stdout } = await run(t, ['stats', 'w', '--format', 'json'], { task: { stats } });
    const [{ cpuPercent, cpuNanoseconds, ...web }] = JSON.parse(stdout) as [Record<string, number>];
    assert.ok((cpuPercent ?? 0) > 100 && (cpuNanoseconds ?? 0) > 0);
    assert.deepEqual(web, { id: 'web', memoryBytes: null, memoryLimitBytes: null, pids: 3, pidsLimit: null });
  });
});

describe('events', () => {
  const all = ['create', 'start', 'exit'].map((kind, i) =>
    message(Event, {
      number: BigInt(i + 1),
      timestamp: timestampOf(1_700_000_000_000 + i),
      id: 'web',
      execId: i === 1 ? 'shell' : '',
      kind,
      pid: 42,
      exitStatus: kind === 'exit' ? 3 : 0,
    }),
  );

  /** Knows two events, and a third comes when somebody waits for it. */
  function follow(scope: Scope, args: readonly string[]) {
    const events = async ({ after, waitMs }: { after: bigint; waitMs: number }) => {
      const news = all.slice(Number(after), after < 2n ? 2 : 3);
      if (after >= 3n) await delay(5000);
      return { events: waitMs === 0 ? all.slice(0, 2) : news };
    };
    const daemon = serveFakeDaemon(scope, { list, sessions: { events } });
    const child = startTermshim(['events', ...args], { env: daemon.env });
    scope.after(() => child.kill('SIGKILL'));
    let shown = '';
    child.stdout?.on('data', (data: Buffer) => (shown += data.toString()));
    const shows = async (count: number) => {
      await waitFor(() => shown.split('\n').length > count, `${count} lines`);
      return shown;
    };
    return { daemon, child, shows };
  }

  test('shows what happens from its start on', async (t) => {
    const { shows, child } = follow(t, []);
    assert.equal(await shows(1), '3 2023-11-14T22:13:20.002Z exit web pid=42 status=3\n');
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGINT']);
  });

  test('--since shows past events too', async (t) => {
    const lines = (await follow(t, ['--since', '0']).shows(3)).split('\n');
    assert.equal(lines[0], '1 2023-11-14T22:13:20.000Z create web pid=42');
    assert.equal(lines[1], '2 2023-11-14T22:13:20.001Z start web/shell pid=42');
  });

  test('--format json prints one document a line', async (t) => {
    const shown = await follow(t, ['--since', '1', '--format', 'json']).shows(2);
    const numbers = shown
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { number: number }).number);
    assert.deepEqual(numbers, [2, 3]);
  });

  test('ends with an error if the daemon ends', async (t) => {
    const { daemon, child, shows } = follow(t, []);
    const stderr = readAll(child.stderr as NodeJS.ReadableStream);
    await shows(1);
    daemon.kill();
    assert.deepEqual(await once(child, 'exit'), [1, null]);
    assert.match(await stderr, /^termshim: the connection to .* is closed.* \[ERR_DAEMON_FAILED\]\n$/);
  });
});

describe('a command fails with one line and status 1', () => {
  const verbs: readonly string[][] = [
    ['inspect', 'x'],
    ['resize', 'x', '80x24'],
    ['record', 'x', 'f'],
    ['reopen-logs', 'x'],
    ['kill', 'x'],
    ['pause', 'x'],
    ['resume', 'x'],
    ['wait', 'x'],
    ['delete', 'x'],
    ['stats', 'x'],
  ];
  const fails = (outcome: { stdout: string; stderr: string; status: unknown }, words: RegExp): void => {
    assert.match(outcome.stderr, /^termshim: [^\n]* \[ERR_\w+\]\n$/);
    assert.match(outcome.stderr, words);
    assert.deepEqual([outcome.stdout, outcome.status], ['', 1]);
  };

  for (const args of [...verbs, ['events']]) {
    test(`if there is no daemon: ${args[0]}`, async (t) => {
      const { env } = environmentWithoutDaemon(t);
      fails(await termshim(args, { env }), /no daemon is running.*termshim run.*ERR_NO_DAEMON/);
    });
  }

  for (const args of verbs) {
    test(`if there is no such container: ${args[0]}`, async (t) => {
      fails(await run(t, args), /no such container: x; there are: db, web \[ERR_PROCESS_NOT_FOUND\]/);
    });
  }

  test('if an id is ambiguous', async (t) => {
    const two = [session('web-1'), session('web-2')];
    fails(
      await run(t, ['kill', 'web'], { list: two }),
      /more than one container has an id that begins with web: web-1, web-2 \[ERR_ID_AMBIGUOUS\]/,
    );
  });

  test('if there is no such exec process', async (t) => {
    fails(await run(t, ['kill', 'web', '--exec', 'x']), /no such process in web: x; there are: shell/);
  });

  test('if the container is in the wrong state', async (t) => {
    const pause = (): never => {
      throw new TermshimError('ERR_STATE_INVALID', 'the container db is stopped and cannot become paused');
    };
    fails(
      await run(t, ['pause', 'db'], { task: { pause } }),
      /db is stopped and cannot become paused \[ERR_STATE_INVALID\]/,
    );
  });

  test('if the daemon cannot do it', async (t) => {
    fails(await run(t, ['pause', 'web']), /the fake daemon has no Pause \[ERR_UNSUPPORTED\]/);
  });

  test('if it has inherited $XDG_RUNTIME_DIR from another user, whose daemon it does not use', {
    skip: missing('root'),
  }, async (t) => {
    const { env, calls } = serveFakeDaemon(t, { list });
    const nobody = { env, uid: 65_534, gid: 65_534, cwd: '/' };
    assert.deepEqual(await termshim(['ps', '--format', 'json'], nobody), { ...silence, stdout: '[]\n' });
    fails(await termshim(['kill', 'web'], nobody), /no daemon is running.*ERR_NO_DAEMON/);
    assert.deepEqual(calls, []);
  });

  test('if it may not open the socket', { skip: missing('root') }, async (t) => {
    const { env } = environmentWithoutDaemon(t);
    const place = join(env['XDG_RUNTIME_DIR'] as string, 'termshim');
    mkdirSync(place, { mode: 0o700 });
    chownSync(place, 65_534, 65_534);
    fails(await termshim(['ps'], { env }), /termshim is not a directory of this user \[ERR_DIRECTORY_UNSAFE\]/);
  });

  test('if the daemon is killed during the call', async (t) => {
    const daemon = serveFakeDaemon(t, { list, task: { wait: () => new Promise(() => {}) } });
    const outcome = termshim(['wait', 'web'], { env: daemon.env });
    await waitFor(() => daemon.calls.length > 0, 'the call');
    daemon.kill();
    fails(await outcome, /connection to .* is closed.*ERR_DAEMON_FAILED/);
  });
});
