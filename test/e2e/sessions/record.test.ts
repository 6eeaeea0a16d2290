/*
 * The tests run `--record` and `termshim record` with real containers. asciinema must show from the file what a
 * terminal showed that was attached all the time, even if others detached, were killed or resized meanwhile. What could
 * break: a byte at the beginning, at the end or inside a character is lost; keys are recorded without a request; an
 * existing file is overwritten; a kill of the daemon breaks the file; a full or read-only disk costs the container more
 * than its recording.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { runOnPty, startOnPty } from '../../helpers/sessions/pty-command.js';
import { readAsciicast, readGrowingAsciicast } from '../../helpers/sessions/asciicast.js';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { hangingDisk } from '../../helpers/base/hanging-disk.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { tmpfs } from '../../helpers/base/mounts.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
const leave = '\x10\x11';

function run(testbed: Testbed, flags: string[], command: string[], id = testbed.newId()): Promise<CommandResult> {
  return runToEnd(runCommand('runc', testbed, { flags, id, command }), { env: testbed.env });
}

/** What asciinema prints at a terminal, as the bytes that came there. */
async function asciinema(testbed: Testbed, ...args: string[]): Promise<string> {
  const { shown, status } = await runOnPty(testbed, ['env', 'LC_ALL=C.UTF-8', 'asciinema', ...args]);
  assert.equal(status, 0, shown);
  return shown;
}

test('a recording plays a session as a terminal showed it, through a detach, a resize and an attach', {
  skip: missingFor('runc') || missing('asciinema'),
  timeout: 60_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const [id, path] = [testbed.newId(), testbed.path('demo.cast')];
  const first = openTerminal(
    testbed,
    runCommand('runc', testbed, { flags: ['-it', '--record', path], id, command: shell }),
  );
  await first.expect('inside$ ');
  const seeing = startOnPty(testbed, termshimCommand('attach', '--read-only', id));
  testbed.after(() => seeing.close());
  await seeing.screen.expect('inside$ ');
  first.type("printf 'gr\\303\\274\\303\\237e \\342'; sleep 0.1; printf '\\202\\254 \\377\\n'\r");
  await first.expect('\xff\r\n');
  first.resize({ columns: 101, rows: 31 });
  first.type('while [ "$(stty size)" != "31 101" ]; do :; done; stty size\r');
  await first.expect('\n31 101\r\n');
  first.type(leave);
  assert.equal(await within(first.exited, 'the first to leave'), 0);
  const second = openTerminal(testbed, termshimCommand('attach', id));
  await second.expect('inside$ ');
  const killed = testbed.processes().find(({ commandLine }) => commandLine.endsWith(` attach ${id}`));
  process.kill(killed?.pid ?? 0, 'SIGKILL');
  await within(second.exited, 'the second to be gone');
  const third = openTerminal(testbed, termshimCommand('attach', id));
  await third.expect('inside$ ');
  third.type('echo the "end"; exit 4\r');
  assert.equal(await within(third.exited, 'the end of the shell'), 4);
  assert.equal(await within(seeing.ended, 'the end of who was there all along'), 4);

  const asciicast = readAsciicast(path);
  const seen = await seeing.screen.all();
  assert.equal(asciicast.all('o'), seen.toString());
  assert.match(asciicast.all('o'), /gr\u00fc\u00dfe \u20ac \ufffd\r\n[^]*the end\r\n$/);
  assert.ok(asciicast.events.some(({ kind, data }) => kind === 'r' && data === '101x31'));
  assert.equal(asciicast.all('i'), '');
  assert.deepEqual([asciicast.header.width, asciicast.header.height, asciicast.header.title], [80, 24, id]);
  assert.equal(asciicast.header.command, "env 'PS1=inside$ ' sh -i");
  // What is no UTF-8 was replaced in the recording.
  const playable = Buffer.from(seen.toString()).toString('latin1');
  assert.equal(await asciinema(testbed, 'cat', path), playable);
  assert.ok((await asciinema(testbed, 'play', '-i', '0.01', path)).includes(playable));
});

test('keys are recorded only on request', { skip: missingFor('runc'), timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  const script = 'stty -echo; echo "password?"; read -r word; stty echo; echo thanks; read -r word';
  for (const flags of [[], ['--record-input']]) {
    const path = testbed.path(`${flags.length}.cast`);
    const all = ['-it', '--record', path, ...flags];
    const terminal = openTerminal(testbed, runCommand('runc', testbed, { flags: all, command: ['sh', '-c', script] }));
    await terminal.expect('password?');
    terminal.type('s3cr\xc3\xaat\r');
    await terminal.expect('thanks');
    terminal.type('x\r');
    assert.equal(await within(terminal.exited, 'the end'), 0);
    const asciicast = readAsciicast(path);
    assert.equal(asciicast.all('i'), flags.length === 0 ? '' : 's3cr\u00eat\rx\r');
    assert.equal(asciicast.all('o'), 'password?\r\nthanks\r\nx\r\n');
  }
});

test('a process in the background and one that already runs can be recorded', {
  skip: missingFor('runc'),
  timeout: 60_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const termshim = (...args: string[]) => runToEnd(termshimCommand(...args), { env: testbed.env });
  const silence = { stdout: '', stderr: '', status: 0 };
  const [id, all, part] = [testbed.newId(), testbed.path('all.cast'), testbed.path('part.cast')];
  const script = 'echo first; read -r go; echo second; read -r go; echo last';
  assert.equal((await run(testbed, ['-dt', '--record', all], ['sh', '-c', script], id)).status, 0);
  testbed.after(() => termshim('delete', '-f', id));
  const { stdout: told } = await termshim('inspect', id);
  assert.match(told, new RegExp(`^recording +${all}$`, 'm'));
  assert.match(told, /^terminal +\/dev\/pts\/0$/m);
  const again = await termshim('record', id, part);
  assert.match(again.stderr, /^termshim: [^\n]*already being recorded to [^\n]*all\.cast \[ERR_STATE_INVALID\]\n$/);
  assert.deepEqual(await termshim('record', '--stop', id), silence);
  assert.equal(readAsciicast(all).all('o'), 'first\r\n');
  assert.deepEqual(await termshim('record', id, part), silence);
  const terminal = openTerminal(testbed, termshimCommand('attach', id));
  await terminal.expect('first');
  terminal.type('a\r');
  await terminal.expect('second');
  terminal.type('b\r');
  await terminal.expect('last');
  await within(terminal.exited, 'the end');
  assert.equal(readAsciicast(part).all('o'), 'first\r\na\r\nsecond\r\nb\r\nlast\r\n');
  assert.equal(readAsciicast(all).all('o'), 'first\r\n');
  const ended = await termshim('record', id, testbed.path('late.cast'));
  assert.match(ended.stderr, /^termshim: [^\n]*has ended \[ERR_STATE_INVALID\]\n$/);

  const execPath = testbed.path('exec.cast');
  const box = testbed.newId();
  await run(testbed, ['-d'], ['sleep', '1000'], box);
  testbed.after(() => termshim('delete', '-f', box));
  const exec = await termshim('exec', '-t', '--record', execPath, box, '--', 'echo', 'from an exec');
  assert.deepEqual(exec, { ...silence, stdout: 'from an exec\r\n' });
  assert.equal(readAsciicast(execPath).all('o'), 'from an exec\r\n');
});

test('a kill of the daemon loses at most a second of a recording', { timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  const path = testbed.path('r.cast');
  const script = 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.01; done';
  const command = runCommand('pty', testbed, { flags: ['-dt', '--record', path], command: ['sh', '-c', script] });
  await runToEnd(command, { env: testbed.env });
  await waitFor(() => readGrowingAsciicast(path)?.all('o').includes('line 100\r'), 'a second of it');
  const daemon = testbed.processes().find(({ commandLine }) => commandLine.includes('--namespace termshim'));
  const [session] = (await (await connectToDaemon(testbed)).sessions.list({})).sessions;
  process.kill(daemon?.pid ?? 0, 'SIGKILL');
  await waitFor(() => testbed.processes().length === 0, 'the end of both');
  const recorded = readGrowingAsciicast(path)?.all('o') ?? '';
  const lines = recorded.split('\r\n').slice(0, -1);
  assert.deepEqual(
    lines,
    Array.from(lines, (_, index) => `line ${index + 1}`),
  );
  const lost = Number(session?.stdoutBytes) - recorded.length;
  assert.ok(lost < 100 * 'line 1000\r\n'.length, `${lost} bytes were lost: more than the program writes in a second`);
  await runToEnd(['sh', '-c', `rm -rf "$XDG_RUNTIME_DIR"/*/*`], { env: testbed.env });
});

test('run fails before the process starts if the file of its recording cannot be created', {
  skip: missingFor('runc'),
}, async (t) => {
  const testbed = openTestbed(t);
  const [there, readOnly] = [testbed.path('there.cast'), testbed.path('read-only')];
  writeFileSync(there, 'mine');
  mkdirSync(readOnly);
  await mountAll([tmpfs('ro')], readOnly);
  testbed.after(() => unmountAll(readOnly));
  const refusals: [string, RegExp][] = [
    [there, /the file \S*\/there\.cast already exists[^\n]*\[ERR_FILE_EXISTS\]/],
    [`${readOnly}/r.cast`, /read-only file system \(EROFS\) \[ERR_SYSTEM\]/],
    [testbed.path('no/where'), /no such file or directory \(ENOENT\) \[ERR_SYSTEM\]/],
  ];
  for (const [path, words] of refusals) {
    for (const flags of [['-t'], ['-dt']]) {
      const { stdout, stderr, status } = await run(testbed, [...flags, '--record', path], ['echo', 'it ran']);
      assert.match(stderr, /^termshim: [^\n]*\n$/);
      assert.match(stderr, words);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    }
  }
  assert.equal(readFileSync(there, 'utf8'), 'mine');
  assert.equal(existsSync(testbed.path('no')), false);
  assert.equal((await runToEnd(termshimCommand('ps', '--format', 'json'), { env: testbed.env })).stdout, '[]\n');
});

test('a full disk ends the recording and nothing else', { skip: missingFor('runc'), timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const disk = testbed.path('disk');
  mkdirSync(disk);
  await mountAll([tmpfs('size=256k')], disk);
  testbed.after(() => unmountAll(disk));
  const [id, path] = [testbed.newId(), `${disk}/r.cast`];
  const script = 'echo ready; read -r go; seq 100000; echo still here; read -r go; exit 6';
  const terminal = openTerminal(
    testbed,
    runCommand('runc', testbed, { flags: ['-it', '--record', path], id, command: ['sh', '-c', script] }),
  );
  await terminal.expect('ready');
  terminal.type('\r');
  await terminal.expect('still here', 20_000);
  const inspect = async (): Promise<string> =>
    (await runToEnd(termshimCommand('inspect', id), { env: testbed.env })).stdout;
  const told = await waitFor(async () => {
    const said = await inspect();
    return /^recording +ended: /m.test(said) && said;
  }, 'the end of the recording');
  assert.match(told, /^recording +ended: cannot write the recording \S+: no space left on device \(ENOSPC\)$/m);
  const { events } = await (await connectToDaemon(testbed)).sessions.events({});
  assert.ok(events.some(({ kind }) => kind === 'record-failed'));
  assert.match(readAsciicast(path).all('o'), /^ready\r\n\r\n1\r\n2\r\n3\r\n/);
  terminal.type('\r');
  assert.equal(await within(terminal.exited, 'the end'), 6);
});

test('^C ends a run that waits for a recording on a disk that hangs, and other containers go on', {
  skip: missingFor('runc') || missing('root', 'fuse'),
  timeout: 60_000,
}, async (t) => {
  // It answers again before the testbed looks for what is left.
  const path = `${hangingDisk(t)}/demo.cast`;
  const testbed = openTestbed(t);
  // In raw mode ^C is the process's, which has not begun.
  for (const [flags, status] of [
    [['-it'], 1],
    [['-t'], 130],
    [['-dt'], 130],
  ] as const) {
    const id = testbed.newId();
    const terminal = openTerminal(
      testbed,
      runCommand('runc', testbed, { flags: [...flags, '--record', path], id, command: shell }),
    );
    const list = async (): Promise<string> => (await runToEnd(termshimCommand('ps'), { env: testbed.env })).stdout;
    await waitFor(async () => new RegExp(`^${id} .* created `, 'm').test(await list()), 'the container to be made');
    const { stdout } = await run(testbed, [], ['echo', 'beside it']);
    assert.equal(stdout, 'beside it\n');
    terminal.type('\x03');
    assert.equal(await within(terminal.exited, 'the end of the run'), status);
    assert.equal((await list()).includes(id), false);
  }
});
