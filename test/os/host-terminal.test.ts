/*
 * The standard descriptors of termshim belong to its caller, who uses them again when termshim has ended in any way. If
 * O_NONBLOCK stays on a shared description, the next `cat` of the shell fails; if a file is read through a new offset,
 * it is read twice. The test passes each kind of descriptor to a program as a shell would.
 */
import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { Console } from '../../src/os/console.js';
import { fdFlags } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { fixturePath } from '../helpers/base/fixture.js';
import { openTerminal } from '../helpers/sessions/terminal.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { openTestbed } from '../helpers/e2e/testbed.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const { O_NONBLOCK, O_NOCTTY, O_RDWR } = constants;

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

const untouched = {
  before: false,
  meanwhile: false,
  own: true,
  isInherited: false,
  isAnother: true,
  after: false,
  leaked: 0,
};

describe('openHostStream', () => {
  for (const standard of [0, 1] as const) {
    leakTest(`opens a new description of a tty as ${standard}, and the shared one stays blocking`, async (scope) => {
      const console = Console.open();
      scope.after(() => console.close());
      const tty = opened(scope, console.name, O_RDWR | O_NOCTTY);
      addon.fd_write(console.fd, Buffer.from('one\ntwo\n'));
      const report = await openIn(standard, tty);
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
      assert.equal(fdFlags(tty) & O_NONBLOCK, 0);
      if (standard === 0) assert.deepEqual([report.first, report.second], ['one\n', 'two\n']);
    });

    leakTest(`opens a new description of a pipe as ${standard}, and the shared one stays blocking`, async (scope) => {
      const pair = fifoPair(scope);
      const fd = opened(scope, pair.path, standard === 0 ? constants.O_RDONLY : constants.O_WRONLY);
      if (standard === 0) addon.fd_write(pair.writer.fd, Buffer.from('helloworld'));
      const report = await openIn(standard, fd);
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
      assert.equal(fdFlags(fd) & O_NONBLOCK, 0);
      if (standard === 0) assert.deepEqual([report.first, report.second], ['hello', 'world']);
      const block = Buffer.alloc(32);
      if (standard === 1) assert.equal(block.toString('utf8', 0, addon.fd_read(pair.reader.fd, block)), 'first second');
    });

    test(`changes the flags of a socket as ${standard}, which has no path, and restores them`, async () => {
      const { first, second, ...flags } = await openIn(standard, 'pipe');
      assert.deepEqual(flags, { ...untouched, meanwhile: true });
      assert.deepEqual([first, second], standard === 0 ? ['hello', 'world'] : ['', '']);
    });

    leakTest(`opens /dev/null as ${standard}`, async (scope) => {
      const report = await openIn(standard, opened(scope, '/dev/null', O_RDWR));
      assert.deepEqual({ ...report, ...pickFlags(report) }, { ...report, ...untouched });
    });
  }

  leakTest('keeps the shared offset of a regular file, for reads and writes', async (scope) => {
    const path = join(temporaryDirectory(scope), 'file');
    writeFileSync(path, 'helloworld!');
    const input = opened(scope, path, constants.O_RDONLY);
    const { first, second, before, after, isInherited, leaked } = await openIn(0, input);
    assert.deepEqual([first, second], ['hello', 'world']);
    assert.deepEqual(
      { before, after, isInherited, leaked },
      { before: false, after: false, isInherited: false, leaked: 0 },
    );
    const rest = Buffer.alloc(4);
    assert.equal(rest.toString('utf8', 0, addon.fd_read(input, rest)), '!');
    const output = opened(scope, path, constants.O_WRONLY | constants.O_TRUNC);
    await openIn(1, output);
    assert.equal(readFileSync(path, 'utf8'), 'first second');
  });

  leakTest('appends to a file that was opened for appending', async (scope) => {
    const path = join(temporaryDirectory(scope), 'log');
    writeFileSync(path, 'old ');
    await openIn(1, opened(scope, path, constants.O_WRONLY | constants.O_APPEND));
    assert.equal(readFileSync(path, 'utf8'), 'old first second');
  });
});

function pickFlags({ before, meanwhile, own, isInherited, isAnother, after, leaked }: StreamReport): object {
  return { before, meanwhile, own, isInherited, isAnother, after, leaked };
}

describe('hostSize', () => {
  async function sizeWith(stdio: [number | 'ignore', number | 'ignore']): Promise<unknown> {
    const child = spawn(process.execPath, [fixturePath('host-size')], { stdio: [...stdio, 'pipe'] });
    return JSON.parse(await text(child.stderr as NodeJS.ReadableStream)) as unknown;
  }

  leakTest('returns the size of stdin, else of stdout, and ignores a tty without a size', async (scope) => {
    const consoles = [{ columns: 132, rows: 43 }, { columns: 80, rows: 24 }, undefined].map((size) =>
      Console.open(size),
    );
    for (const console of consoles) scope.after(() => console.close());
    const [large, small, none] = consoles.map(({ name }) => opened(scope, name, O_RDWR | O_NOCTTY)) as [
      number,
      number,
      number,
    ];
    assert.deepEqual(await sizeWith([large, small]), { columns: 132, rows: 43 });
    assert.deepEqual(await sizeWith(['ignore', small]), { columns: 80, rows: 24 });
    assert.deepEqual(await sizeWith([none, small]), { columns: 80, rows: 24 });
    assert.equal(await sizeWith([none, none]), null);
    assert.equal(await sizeWith(['ignore', 'ignore']), null);
  });

  test('reports each new size until the watch is stopped', async (scope) => {
    const terminal = openTerminal(openTestbed(scope), [process.execPath, fixturePath('host-size'), 'watch']);
    const said = await terminal.expect(/pid \d+\./);
    assert.match(said, /\{"columns":80,"rows":24\}/);
    terminal.resize({ columns: 100, rows: 30 });
    await terminal.expect('{"columns":100,"rows":30}');
    terminal.resize({ columns: 120, rows: 40 });
    await terminal.expect('{"columns":120,"rows":40}');
    process.kill(Number(/pid (\d+)\./.exec(said)?.[1]), 'SIGTERM');
    await terminal.expect('0 listeners left');
  });
});
