/*
 * The terminal and the standard descriptors that we were started with belong to somebody else, who goes on using them
 * when we have ended, however we end. A terminal left raw is dead to its human; O_NONBLOCK left on a shared description
 * makes the shell's next `cat` fail. A human, at a real shell in a real terminal, sees both.
 */
import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { Console } from '../../src/os/console.js';
import { fdFlags } from '../helpers/fd-flags.js';
import { fifoPair } from '../helpers/fifo-pair.js';
import { fixturePath, runFixture } from '../helpers/fixture.js';
import { type Human, shellLine, sitAt, sitAtShell } from '../helpers/human.js';
import { type Scope, leakFree } from '../helpers/leak-free.js';
import { processState } from '../helpers/orphan.js';
import { readFrom } from '../helpers/reader.js';
import { openStage } from '../helpers/stage.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { startOnTty } from '../helpers/tty-process.js';
import { waitFor, within } from '../helpers/wait-for.js';

const { O_NONBLOCK, O_NOCTTY, O_RDWR } = constants;

describe('raw mode, at a shell', () => {
  test('is entered, and restored on demand; once is enough', async (scope) => {
    const { human, pid, modes } = await sitAtRawProgram(scope, 'restores');
    assert.equal(modes(), 'raw');
    process.kill(pid, 'SIGUSR2');
    await human.sees('restored');
    assert.equal(modes(), 'cooked');
    process.kill(pid, 'SIGTERM');
    await human.sees('[ready]$ ');
  });

  const endings: readonly (readonly [string, NodeJS.Signals, string, number])[] = [
    ['by itself, restored', 'SIGUSR2', 'ends', 0],
    ['by SIGTERM, which the program handles, not restored', 'SIGTERM', '', 3],
    ['by an uncaught exception, not restored', 'SIGUSR2', 'throws', 7],
  ];
  for (const [what, signal, scene, status] of endings) {
    test(`the program ends ${what}: the shell has its terminal as it was`, async (scope) => {
      const { human, pid, modes } = await sitAtRawProgram(scope, scene);
      assert.equal(modes(), 'raw');
      process.kill(pid, signal);
      await human.sees('[ready]$ ');
      assert.equal(modes(), 'cooked');
      const shown = await human.asks('echo status $?');
      assert.match(shown, status === 7 ? /status [17]/ : new RegExp(`status ${status}`));
    });
  }

  test('a stop gives the terminal back for its duration; fg takes it again', async (scope) => {
    const { human, pid, modes } = await sitAtRawProgram(scope, 'restores');
    for (let round = 0; round < 2; round++) {
      process.kill(pid, 'SIGTSTP');
      await human.sees('[ready]$ ');
      assert.equal(processState(pid), 'T');
      assert.equal(modes(), 'cooked');
      assert.match(await human.asks('echo here'), /here/);
      human.type('fg\r');
      await waitFor(() => modes() === 'raw', 'raw mode again');
    }
    process.kill(pid, 'SIGTERM');
    await human.sees('[ready]$ ');
    assert.equal(modes(), 'cooked');
  });

  /* The kernel sends SIGCONT along with SIGHUP, and the terminal answers EIO to everything from then on. */
  for (const isStopped of [false, true]) {
    test(`the window is closed${isStopped ? ' while it is stopped' : ''}: it ends as it wants to`, leakFree(async (scope) => {
      const logPath = join(temporaryDirectory(scope), 'log');
      writeFileSync(logPath, '');
      const console = Console.open();
      scope.after(() => console.close());
      const program = [process.execPath, fixturePath('raw-mode'), 'hangs up', logPath];
      const { exited, pid } = startOnTty(scope, console.name, `exec ${shellLine(program)}`);
      const shown = readFrom(console.fd);
      await shown.sees(`raw in ${pid}.`);
      if (isStopped) {
        process.kill(pid, 'SIGTSTP');
        await waitFor(() => processState(pid) === 'T', 'the stop');
      }
      shown.close();
      console.close();
      await within(exited, 'its end');
      assert.equal(readFileSync(logPath, 'utf8'), 'SIGHUP\nends cleanly\n');
    }));
  }

  test('without a terminal at stdin there is nothing to do', async () => {
    assert.equal((await runFixture('raw-mode', ['restores'])).stdout, 'no terminal\r\n');
  });
});

async function sitAtRawProgram(
  scope: TestContext,
  scene: string,
): Promise<{ human: Human; pid: number; modes(): 'raw' | 'cooked' }> {
  const human = await sitAtShell(openStage(scope));
  const tty = (await human.asks('tty')).trim();
  const modes = (): 'raw' | 'cooked' => (isCanonical(tty) ? 'cooked' : 'raw');
  assert.equal(modes(), 'cooked');
  human.type(`${shellLine([process.execPath, fixturePath('raw-mode'), scene])} 2>/dev/null\r`);
  const said = await human.sees(/raw in \d+\./);
  return { human, pid: Number(/raw in (\d+)\./.exec(said)?.[1]), modes };
}

function isCanonical(tty: string): boolean {
  const fd = openSync(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
  const answer = addon.tty_end_of_file(fd);
  closeSync(fd);
  assert.ok(answer >= 0);
  return answer >= 256;
}

interface StreamReport {
  before: boolean;
  meanwhile: boolean;
  own: boolean;
  isInherited: boolean;
  isAnother: boolean;
  first: string;
  second: string;
  after: boolean;
  leaked: number;
}

async function openIn(standard: 0 | 1, fd: number | 'pipe'): Promise<StreamReport> {
  const stdio: SpawnOptions['stdio'] = ['ignore', 'ignore', 'pipe'];
  stdio[standard] = fd;
  const child = spawn(process.execPath, [fixturePath('host-stream'), `${standard}`], { stdio, timeout: 10_000 });
  child.stdin?.end('helloworld');
  const said = await text(child.stderr as NodeJS.ReadableStream);
  assert.match(said, /^\{/, said);
  return JSON.parse(said) as StreamReport;
}

/** Blocking, as a shell hands it out; it is shared with the child. */
function opened(scope: Scope, path: string, flags: number): number {
  const fd = openSync(path, flags);
  scope.after(() => closeSync(fd));
  return fd;
}

const untouched = { before: false, meanwhile: false, own: true, isInherited: false, isAnother: true, after: false, leaked: 0 };

describe('openHostStream', () => {
  for (const standard of [0, 1] as const) {
    test(`of a tty (${standard}): a description of its own; the shared one stays blocking`, leakFree(async (scope) => {
      const console = Console.open();
      scope.after(() => console.close());
      const tty = opened(scope, console.name, O_RDWR | O_NOCTTY);
      addon.fd_write(console.fd, Buffer.from('one\ntwo\n'));
      const report = await openIn(standard, tty);
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
      assert.equal(fdFlags(tty) & O_NONBLOCK, 0);
      if (standard === 0) assert.deepEqual([report.first, report.second], ['one\n', 'two\n']);
    }));

    test(`of a pipe (${standard}): a description of its own; the shared one stays blocking`, leakFree(async (scope) => {
      const pair = fifoPair(scope);
      const fd = opened(scope, pair.path, standard === 0 ? constants.O_RDONLY : constants.O_WRONLY);
      if (standard === 0) addon.fd_write(pair.writer.fd, Buffer.from('helloworld'));
      const report = await openIn(standard, fd);
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
      assert.equal(fdFlags(fd) & O_NONBLOCK, 0);
      if (standard === 0) assert.deepEqual([report.first, report.second], ['hello', 'world']);
      const block = Buffer.alloc(32);
      if (standard === 1) assert.equal(block.toString('utf8', 0, addon.fd_read(pair.reader.fd, block)), 'first second');
    }));

    test(`of a socket (${standard}), which has no path: changed, and changed back`, async () => {
      const { first, second, ...flags } = await openIn(standard, 'pipe');
      assert.deepEqual(flags, { ...untouched, meanwhile: true });
      assert.deepEqual([first, second], standard === 0 ? ['hello', 'world'] : ['', '']);
    });

    test(`of /dev/null (${standard})`, leakFree(async (scope) => {
      const report = await openIn(standard, opened(scope, '/dev/null', O_RDWR));
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
    }));
  }

  test('of a regular file: the offset is shared, both ways', leakFree(async (scope) => {
    const path = join(temporaryDirectory(scope), 'file');
    writeFileSync(path, 'helloworld!');
    const input = opened(scope, path, constants.O_RDONLY);
    const { first, second, before, after, isInherited, leaked } = await openIn(0, input);
    assert.deepEqual([first, second], ['hello', 'world']);
    assert.deepEqual({ before, after, isInherited, leaked }, { before: false, after: false, isInherited: false, leaked: 0 });
    const rest = Buffer.alloc(4);
    assert.equal(rest.toString('utf8', 0, addon.fd_read(input, rest)), '!');
    const output = opened(scope, path, constants.O_WRONLY | constants.O_TRUNC);
    await openIn(1, output);
    assert.equal(readFileSync(path, 'utf8'), 'first second');
  }));

  test('of a file that is appended to: what was there stays', leakFree(async (scope) => {
    const path = join(temporaryDirectory(scope), 'log');
    writeFileSync(path, 'old ');
    await openIn(1, opened(scope, path, constants.O_WRONLY | constants.O_APPEND));
    assert.equal(readFileSync(path, 'utf8'), 'old first second');
  }));
});

function pickFlags({ before, meanwhile, own, isInherited, isAnother, after, leaked }: StreamReport): object {
  return { before, meanwhile, own, isInherited, isAnother, after, leaked };
}

describe('hostSize', () => {
  async function sizeWith(stdio: [number | 'ignore', number | 'ignore']): Promise<unknown> {
    const child = spawn(process.execPath, [fixturePath('host-size')], { stdio: [...stdio, 'pipe'] });
    return JSON.parse(await text(child.stderr as NodeJS.ReadableStream)) as unknown;
  }

  test('of stdin, else of stdout; a tty that has none does not count', leakFree(async (scope) => {
    const consoles = [{ columns: 132, rows: 43 }, { columns: 80, rows: 24 }, undefined].map((size) => Console.open(size));
    for (const console of consoles) scope.after(() => console.close());
    const [large, small, none] = consoles.map(({ name }) => opened(scope, name, O_RDWR | O_NOCTTY)) as [number, number, number];
    assert.deepEqual(await sizeWith([large, small]), { columns: 132, rows: 43 });
    assert.deepEqual(await sizeWith(['ignore', small]), { columns: 80, rows: 24 });
    assert.deepEqual(await sizeWith([none, small]), { columns: 80, rows: 24 });
    assert.equal(await sizeWith([none, none]), null);
    assert.equal(await sizeWith(['ignore', 'ignore']), null);
  }));

  test('each new one is told, until the watch is stopped', async (scope) => {
    const human = sitAt(openStage(scope), [process.execPath, fixturePath('host-size'), 'watch']);
    const said = await human.sees(/pid \d+\./);
    assert.match(said, /\{"columns":80,"rows":24\}/);
    human.resize({ columns: 100, rows: 30 });
    await human.sees('{"columns":100,"rows":30}');
    human.resize({ columns: 120, rows: 40 });
    await human.sees('{"columns":120,"rows":40}');
    process.kill(Number(/pid (\d+)\./.exec(said)?.[1]), 'SIGTERM');
    await human.sees('0 listeners');
  });
});
