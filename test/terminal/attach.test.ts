/*
 * A session borrows the user's terminal and must give it back, whatever ends first: the session, the user's stdin, the
 * reader of stdout, or the disk of stdout. Meanwhile each key must reach the session unchanged, ^C too, and all output
 * must be written when `done` resolves. The tests run a program at a real shell in a terminal, and through pipes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { FifoReader, FifoWriter, createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fixturePath } from '../helpers/base/fixture.js';
import { type Terminal, shellLine, openShell } from '../helpers/sessions/terminal.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { pattern } from '../helpers/copy/pattern.js';
import { type Reader, readFrom } from '../helpers/copy/reader.js';
import { openTestbed } from '../helpers/e2e/testbed.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';
import { writeAll } from '../helpers/copy/write-all.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The session's side of both FIFOs, played by this process. */
interface Session {
  readonly paths: readonly [input: string, output: string];
  /** What was typed into the session. */
  readonly typed: Reader;
  /** Nobody reads the session's stdin any more. */
  refuseInput(): void;
  show(data: Uint8Array | string): Promise<void>;
  /** The session closes its output. */
  end(): void;
}

function openSession(scope: Scope, directory: string): Session {
  const paths = [join(directory, 'in'), join(directory, 'out')] as const;
  for (const path of paths) createFifo(path);
  const stdin = FifoReader.open(paths[0]);
  const typed = readFrom(stdin.fd);
  let stdout: Promise<FifoWriter> | undefined;
  const output = (): Promise<FifoWriter> => (stdout ??= FifoWriter.open(paths[1], { timeoutMs: 5000 }));
  const refuseInput = (): void => {
    typed.close();
    stdin.close();
  };
  const end = (): void => void output().then((writer) => writer.close());
  scope.after(refuseInput);
  scope.after(end);
  return { paths, typed, refuseInput, show: async (data) => writeAll((await output()).fd, data), end };
}

/** How the attachment ended, and what it left open. */
interface Report {
  end: string;
  leak: string;
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
}

describe('at a terminal,', () => {
  interface Seat {
    terminal: Terminal;
    session: Session;
    isRaw(): boolean;
    report(): Report;
  }

  /** @param keys that detach; none are watched for without */
  async function sit(scope: TestContext, keys: readonly string[] = []): Promise<Seat> {
    const testbed = openTestbed(scope);
    const session = openSession(scope, testbed.directory);
    const terminal = await openShell(testbed);
    const tty = (await terminal.run('tty')).trim();
    const isRaw = (): boolean => {
      using fd = OwnedFd.open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK, tty);
      return addon.tty_end_of_file(fd.fd) < 256;
    };
    const program = [process.execPath, fixturePath('attach-to-fifos'), ...session.paths, ...keys];
    terminal.type(`${shellLine(program)} 2>${testbed.path('report')}\r`);
    await session.show('welcome');
    await terminal.expect('welcome');
    const report = (): Report => JSON.parse(lastLine(testbed.path('report'))) as Report;
    return { terminal, session, isRaw, report };
  }

  test('every key and all output pass unchanged, and the terminal is restored', async (scope) => {
    const { terminal, session, isRaw } = await sit(scope);
    assert.equal(isRaw(), true);
    terminal.type('ls\r\x03\x04\x1a\x1b[A\x7f');
    await session.typed.expect('\x1b[A\x7f');
    assert.equal(session.typed.text(), 'ls\r\x03\x04\x1a\x1b[A\x7f');
    await session.show('a\r\nb\x1b[31mc');
    await terminal.expect('a\r\nb\x1b[31mc');
    session.end();
    await terminal.expect('[ready]$ ');
    assert.equal(isRaw(), false);
    assert.match(await terminal.run('echo status $?'), /status 0/);
    await waitFor(() => session.typed.hasEnded, 'the end of the session’s stdin');
  });

  test('SIGTERM to the program restores the terminal', async (scope) => {
    const { terminal, isRaw } = await sit(scope);
    assert.equal(isRaw(), true);
    process.kill(await attachedPid(), 'SIGTERM');
    await terminal.expect('[ready]$ ');
    assert.equal(isRaw(), false);
  });

  test('close restores the terminal while the session goes on', async (scope) => {
    const { terminal, session, isRaw } = await sit(scope);
    process.kill(await attachedPid(), 'SIGUSR2');
    await terminal.expect('[ready]$ ');
    assert.equal(isRaw(), false);
    await waitFor(() => session.typed.hasEnded, 'the end of the session’s stdin');
  });

  test('the detach keys end the attachment, and earlier input is delivered', async (scope) => {
    const { terminal, session, isRaw, report } = await sit(scope, ['ctrl-p,ctrl-q']);
    terminal.type('abc\x10d\x10');
    await session.typed.expect('abc\x10d');
    terminal.type('\x11lost');
    await terminal.expect('[ready]$ ');
    assert.equal(isRaw(), false);
    assert.equal(session.typed.text(), 'abc\x10d');
    assert.deepEqual(report(), { end: 'detached', leak: 'none' });
    await waitFor(() => session.typed.hasEnded, 'the end of the session’s stdin');
  });

  test('the detach keys work if the session reads nothing', async (scope) => {
    const { terminal, session, report } = await sit(scope, ['ctrl-p,ctrl-q']);
    session.typed.pause();
    // More than the FIFO and the terminal hold.
    for (let count = 0; count < 50; count++) terminal.type('x'.repeat(4000));
    terminal.type('\x10\x11');
    await terminal.expect('[ready]$ ');
    assert.deepEqual(report(), { end: 'detached', leak: 'none' });
  });

  test('a session that reads a little at a time gets a complete paste, in order', async (scope) => {
    const { terminal, session } = await sit(scope, ['ctrl-p,ctrl-q']);
    const paste = pattern(300_000, 3)
      .toString('latin1')
      .replaceAll(/[^ -~]/g, '.');
    session.typed.pause();
    terminal.type(paste);
    const resuming = setInterval(() => session.typed.resume(), 50);
    scope.after(() => clearInterval(resuming));
    await session.typed.hasBytes(paste.length);
    assert.ok(session.typed.text() === paste);
    session.end();
    await terminal.expect('[ready]$ ');
  });

  test('the detach keys work after the session has closed its stdin', async (scope) => {
    const { terminal, session, report } = await sit(scope, ['ctrl-p,ctrl-q']);
    session.refuseInput();
    terminal.type('abc');
    await session.show('still here');
    await terminal.expect('still here');
    terminal.type('\x10\x11');
    await terminal.expect('[ready]$ ');
    assert.deepEqual(report(), { end: 'detached', leak: 'none' });
  });

  /** The child of the shell, which is our only child. */
  function attachedPid(): Promise<number> {
    const children = (pid: string): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return waitFor(() => Number(children(children(`${process.pid}`))) || undefined, 'the program');
  }
});

interface Attached {
  child: ChildProcess;
  report(): Promise<Report>;
}

function start(session: Session, stdio: [StdioItem, StdioItem], hasInput = true, keys: string[] = []): Attached {
  const paths = [hasInput ? session.paths[0] : '-', session.paths[1], ...keys];
  const child = spawn(process.execPath, [fixturePath('attach-to-fifos'), ...paths], { stdio: [...stdio, 'pipe'] });
  const said = text(child.stderr as NodeJS.ReadableStream);
  const exited = once(child, 'exit');
  return {
    child,
    async report() {
      const lines = (await within(said, 'the end of the attachment')).trim().split('\n');
      const [code, signal] = (await exited) as [number | null, string | null];
      assert.deepEqual([code, signal], [0, null], lines.join('; '));
      return JSON.parse(lines.at(-1) as string) as Report;
    },
  };
}

type StdioItem = Exclude<StdioOptions, string>[number];

/** As a shell hands it over that has opened `<fifo` for us: a read of ours would be the end, at once. */
function fifoAtItsEnd(directory: string, scope: Scope, content: string): number {
  const path = join(directory, 'keys');
  createFifo(path);
  const reader = opened(scope, path, O_RDONLY | O_NONBLOCK);
  addon.fd_set_nonblocking(reader, false);
  using writer = OwnedFd.open(path, O_WRONLY | O_NONBLOCK, path);
  if (content !== '') addon.fd_write(writer.fd, Buffer.from(content));
  return reader;
}

function opened(scope: Scope, path: string, flags: number): number {
  const owned = new OwnedFd(addon.fd_adopt(openSync(path, flags)), path);
  scope.after(() => owned.close());
  return owned.fd;
}

const ended = { end: 'ended', leak: 'none' };

describe('without a terminal,', () => {
  leakTest('a megabyte passes in each direction through pipes', async (scope) => {
    const session = openSession(scope, temporaryDirectory(scope));
    const { child, report } = start(session, ['pipe', 'pipe']);
    const shown = text((child.stdout as NodeJS.ReadableStream).setEncoding('latin1'));
    const [keys, output] = [pattern(1_000_000, 1), pattern(1_000_000, 2)];
    child.stdin?.end(keys);
    await session.show(output);
    assert.ok((await session.typed.all()).equals(keys));
    session.end();
    assert.deepEqual(await report(), ended);
    assert.ok(Buffer.from(await shown, 'latin1').equals(output));
  });

  const inputs: Readonly<Record<string, (directory: string, scope: Scope) => StdioItem>> = {
    'a file': (directory, scope) => {
      writeFileSync(join(directory, 'keys'), 'hello');
      return opened(scope, join(directory, 'keys'), O_RDONLY);
    },
    '/dev/null': () => 'ignore',
    'a FIFO whose writer has left': (directory, scope) => fifoAtItsEnd(directory, scope, 'hello'),
    'a FIFO whose writer has left without a word': (directory, scope) => fifoAtItsEnd(directory, scope, ''),
  };
  for (const [what, make] of Object.entries(inputs)) {
    leakTest(`the end of stdin (${what}) closes that of the session, and the output goes on`, async (scope) => {
      const directory = temporaryDirectory(scope);
      const session = openSession(scope, directory);
      const { child, report } = start(session, [make(directory, scope), 'pipe']);
      const shown = text(child.stdout as NodeJS.ReadableStream);
      const isEmpty = what === '/dev/null' || what.endsWith('without a word');
      assert.equal((await session.typed.all()).toString(), isEmpty ? '' : 'hello');
      await session.show('still here');
      session.end();
      assert.deepEqual(await report(), ended);
      assert.equal(await shown, 'still here');
    });
  }

  leakTest('stdin is not read if the session has no input', async (scope) => {
    const directory = temporaryDirectory(scope);
    writeFileSync(join(directory, 'keys'), 'hello');
    const stdin = opened(scope, join(directory, 'keys'), O_RDONLY);
    const session = openSession(scope, directory);
    const { child, report } = start(session, [stdin, 'pipe'], false);
    const shown = text(child.stdout as NodeJS.ReadableStream);
    await session.show('output');
    session.end();
    assert.deepEqual(await report(), ended);
    assert.equal(await shown, 'output');
    const rest = Buffer.alloc(8);
    assert.equal(rest.toString('utf8', 0, addon.fd_read(stdin, rest)), 'hello');
  });

  leakTest('a session that closes its stdin does not end the attachment', async (scope) => {
    const session = openSession(scope, temporaryDirectory(scope));
    const { child, report } = start(session, ['pipe', 'pipe']);
    const shown = text(child.stdout as NodeJS.ReadableStream);
    child.stdin?.on('error', () => {}).write('first');
    await session.typed.expect('first');
    session.refuseInput();
    child.stdin?.write('second');
    await session.show('output');
    session.end();
    assert.deepEqual(await report(), ended);
    assert.equal(await shown, 'output');
    child.stdin?.destroy();
  });

  for (const [typed, shown] of [
    ['line\n', 'line\n\x04'],
    ['half', 'half\x04\x04'],
    ['', '\x04'],
  ] as const) {
    leakTest(
      `the end of stdin types ^D if that is configured, the session shows ${JSON.stringify(shown)} and goes on`,
      async (scope) => {
        const session = openSession(scope, temporaryDirectory(scope));
        const { child, report } = start(session, ['pipe', 'pipe'], true, ['ctrl-p']);
        child.stdin?.end(typed);
        assert.equal(await session.typed.expect(shown), shown);
        await session.show('output');
        assert.equal(session.typed.hasEnded, false);
        session.end();
        assert.deepEqual(await report(), ended);
      },
    );
  }

  leakTest('the attachment ends if the reader of stdout exits', async (scope) => {
    const session = openSession(scope, temporaryDirectory(scope));
    const { child, report } = start(session, ['ignore', 'pipe']);
    await session.show('output');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    (child.stdout as unknown as { destroy(): void }).destroy();
    await session.show('more').catch(() => {});
    assert.deepEqual(await report(), { end: 'broken', leak: 'none' });
  });

  leakTest('a full disk below stdout is an error', async (scope) => {
    const session = openSession(scope, temporaryDirectory(scope));
    const { report } = start(session, ['ignore', opened(scope, '/dev/full', O_WRONLY)]);
    await session.show('output');
    assert.deepEqual(await report(), { end: 'ENOSPC', leak: 'none' });
  });

  leakTest('stdout may be a file', async (scope) => {
    const directory = temporaryDirectory(scope);
    const session = openSession(scope, directory);
    writeFileSync(join(directory, 'file'), '');
    const { report } = start(session, ['ignore', opened(scope, join(directory, 'file'), O_WRONLY)]);
    await session.show('output');
    session.end();
    assert.deepEqual(await report(), ended);
    assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'output');
  });
});
