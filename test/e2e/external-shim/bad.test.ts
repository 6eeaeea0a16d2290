/*
 * The tests give `termshim --shim` programs that are not shims, and ask for things that an external shim cannot do.
 * What could break: a stack trace, a hang or silence instead of one line that ends with its code; a program or a
 * directory that is left behind; or a verb that takes --shim and still asks termshim's own daemon.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { openExternalShimTestbed, runScript } from '../../helpers/shim/external-shim.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { termshimCommand } from '../../helpers/runtime/run-command.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { runcShimPath } from '../../helpers/shim/shims.js';
import type { Testbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

interface BadShim {
  name: string;
  /** Its path, or its name in PATH. */
  shim: (testbed: Testbed) => string;
  words: RegExp;
}

const badShims: BadShim[] = [
  {
    name: 'no such path',
    shim: () => '/nowhere/shim',
    words: /\/nowhere\/shim is not an executable file \[ERR_RUNTIME_NOT_FOUND\]/,
  },
  { name: 'no such name', shim: () => 'no-such-shim', words: /no-such-shim is not in PATH \[ERR_RUNTIME_NOT_FOUND\]/ },
  {
    name: 'a directory',
    shim: () => '/usr/bin',
    words: /\/usr\/bin is not an executable file \[ERR_RUNTIME_NOT_FOUND\]/,
  },
  {
    name: 'a file that may not be executed',
    shim(testbed) {
      const path = writeProgram(testbed, 'shim', 'exit 0');
      chmodSync(path, 0o600);
      return path;
    },
    words: /shim is not an executable file \[ERR_RUNTIME_NOT_FOUND\]/,
  },
  {
    name: 'a program that says nothing',
    shim: () => 'true',
    words: /not a runtime v2 shim: its answer to start has no address: nothing \[ERR_SHIM_FAILED\]/,
  },
  { name: 'a program that fails', shim: () => 'false', words: /false start failed: exit status 1 \[ERR_SHIM_FAILED\]/ },
  {
    name: 'a program that says something else',
    shim: () => 'echo',
    words: /no address: "-namespace .* \[ERR_SHIM_FAILED\]/,
  },
  {
    name: 'a program that fails with words',
    shim: (testbed) => writeProgram(testbed, 'shim', 'printf "no\\nluck\\n" >&2; exit 3'),
    words: /shim start failed: no luck \[ERR_SHIM_FAILED\]/,
  },
  {
    name: 'a program that does not stop talking',
    shim: (testbed) => writeProgram(testbed, 'shim', 'exec yes'),
    words: /shim start failed: it was killed by SIGKILL \[ERR_SHIM_FAILED\]/,
  },
  {
    name: 'a shim that names an address where nobody listens',
    shim: (testbed) => writeProgram(testbed, 'shim', 'echo unix:///run/nobody.sock'),
    words: /the shim of the container \S+ has died or hangs; .* \[ERR_SHIM_FAILED\]/,
  },
  {
    name: 'a shim that speaks another protocol',
    shim: (testbed) =>
      writeProgram(testbed, 'shim', `echo '{"version":3,"address":"unix:///x.sock","protocol":"grpc"}'`),
    words: /does not use ttrpc on a unix socket, but grpc at "unix:\/\/\/x.sock" \[ERR_SHIM_FAILED\]/,
  },
  {
    name: 'a program that hangs, and kills what it has started',
    shim: (testbed) => writeProgram(testbed, 'shim', 'sleep 1000 & sleep 1000'),
    words: /shim start failed: no answer within 10 s \[ERR_SHIM_FAILED\]/,
  },
];

describe('run --shim', { skip: missing('busybox') }, () => {
  for (const { name, shim, words } of badShims) {
    test(`refuses ${name}`, async (t) => {
      const { testbed, ask } = openExternalShimTestbed(t, '');
      const run = ['run', '-t', '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', 'sh'];
      const { stdout, stderr, status } = await ask('--shim', shim(testbed), ...run);
      assert.match(stderr, /^termshim: [^\n]* \[ERR_\w+\]\n$/);
      assert.match(stderr, words);
      assert.deepEqual([stdout, status], ['', 1]);
      assert.deepEqual(testbed.leftovers(), []);
    });
  }

  test('refuses a runtime directory whose path is too long for a socket', async (t) => {
    const { testbed, ask } = openExternalShimTestbed(t, 'true');
    const directory = `${testbed.env['XDG_RUNTIME_DIR']}/${'x'.repeat(100)}`;
    mkdirSync(directory, { mode: 0o700 });
    testbed.env['XDG_RUNTIME_DIR'] = directory;
    const { stderr, status } = await ask('run', '--rootfs', testbed.rootfs, '--', 'true');
    assert.match(
      stderr,
      /^termshim: the path of the events socket has \d+ bytes, [^\n]* \[ERR_SOCKET_PATH_TOO_LONG\]\n$/,
    );
    assert.equal(status, 1);
    assert.deepEqual(readdirSync(`${directory}/termshim`), []);
    rmSync(directory, { recursive: true });
  });

  test('ends by ^C while the shim is starting', async (t) => {
    const { testbed } = openExternalShimTestbed(t, '');
    const began = testbed.path('began');
    const shim = writeProgram(testbed, 'shim', `touch ${began}; sleep 1000`);
    const run = ['--shim', shim, 'run', '-it', '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', 'sh'];
    const terminal = openTerminal(testbed, termshimCommand(...run));
    await waitFor(() => existsSync(began), 'the shim to be called');
    terminal.type('\x03');
    assert.equal(await within(terminal.exited, 'the end of the run'), 130);
    assert.deepEqual(testbed.leftovers(), []);
  });
});

test('^C at any moment of a start ends the run and leaves nothing behind', {
  skip: missing('root', 'busybox', 'runc', 'containerd'),
}, async (t) => {
  for (let ms = 40; ms <= 240; ms += 20) {
    await t.test(`if it comes ${ms} ms after the start began`, async (each) => {
      const { testbed } = openExternalShimTestbed(each, runcShimPath);
      const run = runScript(testbed, 'cat; exit 7');
      const terminal = openTerminal(testbed, termshimCommand(...run));
      setTimeout(() => terminal.type('\x03'), ms);
      // 130 by ours, or by the process's own end; a start that was quicker is ended by ^D.
      setTimeout(() => terminal.type('\x04'), ms + 500);
      const status = await within(terminal.exited, 'the end of the run');
      assert.ok([130, 7].includes(status), `status ${status}`);
      await waitFor(() => testbed.leftovers().length === 0, 'nothing to be left').catch(() => {});
      assert.deepEqual(testbed.leftovers(), []);
    });
  }
});

for (const shim of [runcShimPath, shimPath]) {
  const name = `^C ends a run with ${basename(shim)} while the runtime hangs`;
  test(name, { skip: missing('root', 'busybox', 'runc', 'containerd') }, async (t) => {
    const { testbed } = openExternalShimTestbed(t, shim);
    const began = testbed.path('began');
    const script = `case " $* " in *" create "*) touch ${began}; exec sleep 1000;; esac; exec runc "$@"`;
    const runtime = ['--runtime', writeProgram(testbed, 'runtime', script)];
    const run = ['run', '-t', ...runtime, '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', 'sh'];
    const terminal = openTerminal(testbed, termshimCommand(...run));
    await waitFor(() => existsSync(began), 'the runtime to be called');
    terminal.type('\x03');
    assert.equal(await within(terminal.exited, 'the end of the run', 15_000), 130);
    // containerd-shim-runc-v2 leaves its console socket if it is ended then.
    const place = testbed.env['XDG_RUNTIME_DIR'] ?? '';
    for (const left of readdirSync(place)) if (/^pty\d+$/.test(left)) rmSync(join(place, left), { recursive: true });
    await waitFor(() => testbed.leftovers().length === 0, 'nothing to be left').catch(() => {});
    assert.deepEqual(testbed.leftovers(), []);
  });
}

test('a verb that an external shim cannot serve fails with one line', {
  skip: missing('root', 'busybox', 'runc', 'containerd'),
}, async (t) => {
  const { testbed, ask } = openExternalShimTestbed(t, runcShimPath);
  const rootfs = ['--rootfs', testbed.rootfs];
  const id = testbed.newId();
  assert.equal((await ask('run', '-dt', '--name', id, ...rootfs, '--', 'cat')).stderr, '');
  const cannot: [args: string[], words: RegExp, status?: number][] = [
    [['events'], /^termshim: the external shim \S+ does not support events \[ERR_UNSUPPORTED\]\n$/],
    [['resize', id, '--policy', 'latest'], /does not support size policies; .* \[ERR_UNSUPPORTED\]\n$/],
    [
      ['run', '-dt', '--size', 'smallest', '--name', testbed.newId(), ...rootfs],
      /does not support size policies; .* \[ERR_UNSUPPORTED\]\n$/,
    ],
    [
      ['run', '-dt', '--screen', '--name', testbed.newId(), ...rootfs],
      /does not support --screen \[ERR_UNSUPPORTED\]\n$/,
    ],
    [
      ['run', '-dt', '--log', 'json-file', '--name', testbed.newId(), ...rootfs],
      /does not support --log \[ERR_UNSUPPORTED\]\n$/,
    ],
    [
      ['run', '-t', '--record', testbed.path('cast'), '--name', testbed.newId(), ...rootfs],
      /^termshim: the external shim \S+ does not support recording; .* \[ERR_UNSUPPORTED\]\n$/,
    ],
    [['run', '-dt', '--name', testbed.newId()], /^error: --shim needs --bundle or --rootfs\n/, 2],
    [['run', '--runtime', 'pty', '--bundle', '/'], /^error: --runtime pty cannot be used with --shim/, 2],
    [['--shim', runcShimPath, 'web'], /^error: web does not support --shim\n/, 2],
    [['--shim', runcShimPath, 'daemon', '--stop'], /^error: daemon does not support --shim\n/, 2],
    [['kill', 'nobody'], /^termshim: no such container: nobody; there are: \S+ \[ERR_PROCESS_NOT_FOUND\]\n$/],
    [['--shim', 'true', 'kill', id], /^termshim: no such container: \S+; there is none \[ERR_PROCESS_NOT_FOUND\]\n$/],
  ];
  for (const [args, words, expected = 1] of cannot) {
    const { stderr, status } = await ask(...args);
    assert.match(stderr, words);
    assert.equal(status, expected, args.join(' '));
  }
  assert.deepEqual(await ask('delete', '-f', id), { stdout: `${id}\n`, stderr: '', status: 0 });
  assert.deepEqual(testbed.leftovers(), []);
});
