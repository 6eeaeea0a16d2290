/*
 * `--record` and `termshim record` as people use them, with real containers. The file must play: asciinema shows from it what
 * a terminal saw that was there all along, whoever else has left, was killed or resized meanwhile. What can break: a byte at
 * the beginning, the end or the border of a character; keys that nobody asked to record; a file that is there already; a
 * daemon that is killed; a disk that is full or read-only, which must not cost the container anything but its recording.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { runAtTerminal, startAtTerminal } from '../../helpers/sessions/at-terminal.js';
import { readCast, readGrowingCast } from '../../helpers/sessions/cast.js';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { hangingDisk } from '../../helpers/base/hanging-disk.js';
import { sitAt } from '../../helpers/sessions/human.js';
import { tmpfs } from '../../helpers/base/mounts.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { openStage, type Stage } from '../../helpers/e2e/stage.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
const leave = '\x10\x11';

function run(stage: Stage, flags: string[], command: string[], id = stage.newId()): Promise<CommandResult> {
  return runToEnd(runCommand('runc', stage, { flags, id, command }), { env: stage.env });
}

/** What asciinema prints at a terminal, as the bytes that came there. */
async function asciinema(stage: Stage, ...args: string[]): Promise<string> {
  const { shown, status } = await runAtTerminal(stage, ['env', 'LC_ALL=C.UTF-8', 'asciinema', ...args]);
  assert.equal(status, 0, shown);
  return shown;
}

test('a recording plays a session as it was seen, through a detach, a resize and an attach', {
  skip: missingFor('runc') || missing('asciinema'),
  timeout: 60_000,
}, async (t) => {
  const stage = openStage(t);
  const [id, path] = [stage.newId(), stage.path('demo.cast')];
  const first = sitAt(stage, runCommand('runc', stage, { flags: ['-it', '--record', path], id, command: shell }));
  await first.sees('inside$ ');
  const seeing = startAtTerminal(stage, termshimCommand('attach', '--read-only', id));
  stage.after(() => seeing.close());
  await seeing.screen.sees('inside$ ');
  first.type("printf 'gr\\303\\274\\303\\237e \\342'; sleep 0.1; printf '\\202\\254 \\377\\n'\r");
  await first.sees('\xff\r\n');
  first.resize({ columns: 101, rows: 31 });
  first.type('while [ "$(stty size)" != "31 101" ]; do :; done; stty size\r');
  await first.sees('\n31 101\r\n');
  first.type(leave);
  assert.equal(await within(first.exited, 'the first to leave'), 0);
  const second = sitAt(stage, termshimCommand('attach', id));
  await second.sees('inside$ ');
  const killed = stage.processes().find(({ commandLine }) => commandLine.endsWith(` attach ${id}`));
  process.kill(killed?.pid ?? 0, 'SIGKILL');
  await within(second.exited, 'the second to be gone');
  const third = sitAt(stage, termshimCommand('attach', id));
  await third.sees('inside$ ');
  third.type('echo the "end"; exit 4\r');
  assert.equal(await within(third.exited, 'the end of the shell'), 4);
  assert.equal(await within(seeing.ended, 'the end of who was there all along'), 4);

  const cast = readCast(path);
  const seen = await seeing.screen.all();
  assert.equal(cast.all('o'), seen.toString());
  assert.match(cast.all('o'), /gr\u00fc\u00dfe \u20ac \ufffd\r\n[^]*the end\r\n$/);
  assert.ok(cast.events.some(({ kind, data }) => kind === 'r' && data === '101x31'));
  assert.equal(cast.all('i'), '');
  assert.deepEqual([cast.header.width, cast.header.height, cast.header.title], [80, 24, id]);
  assert.equal(cast.header.command, "env 'PS1=inside$ ' sh -i");
  // What is no UTF-8 was replaced in the recording.
  const playable = Buffer.from(seen.toString()).toString('latin1');
  assert.equal(await asciinema(stage, 'cat', path), playable);
  assert.ok((await asciinema(stage, 'play', '-i', '0.01', path)).includes(playable));
});

test('keys are recorded only if it is asked for', { skip: missingFor('runc'), timeout: 60_000 }, async (t) => {
  const stage = openStage(t);
  const script = 'stty -echo; echo "password?"; read -r word; stty echo; echo thanks; read -r word';
  for (const flags of [[], ['--record-input']]) {
    const path = stage.path(`${flags.length}.cast`);
    const all = ['-it', '--record', path, ...flags];
    const human = sitAt(stage, runCommand('runc', stage, { flags: all, command: ['sh', '-c', script] }));
    await human.sees('password?');
    human.type('s3cr\xc3\xaat\r');
    await human.sees('thanks');
    human.type('x\r');
    assert.equal(await within(human.exited, 'the end'), 0);
    const cast = readCast(path);
    assert.equal(cast.all('i'), flags.length === 0 ? '' : 's3cr\u00eat\rx\r');
    assert.equal(cast.all('o'), 'password?\r\nthanks\r\nx\r\n');
  }
});

test('a process in the background and one that runs already can be recorded', {
  skip: missingFor('runc'),
  timeout: 60_000,
}, async (t) => {
  const stage = openStage(t);
  const termshim = (...args: string[]) => runToEnd(termshimCommand(...args), { env: stage.env });
  const silence = { stdout: '', stderr: '', status: 0 };
  const [id, all, part] = [stage.newId(), stage.path('all.cast'), stage.path('part.cast')];
  const script = 'echo first; read -r go; echo second; read -r go; echo last';
  assert.equal((await run(stage, ['-dt', '--record', all], ['sh', '-c', script], id)).status, 0);
  stage.after(() => termshim('delete', '-f', id));
  const { stdout: told } = await termshim('inspect', id);
  assert.match(told, new RegExp(`^recording +${all}$`, 'm'));
  assert.match(told, /^terminal +\/dev\/pts\/0$/m);
  const again = await termshim('record', id, part);
  assert.match(again.stderr, /^termshim: [^\n]*recorded already, to [^\n]*all\.cast \[ERR_STATE_INVALID\]\n$/);
  assert.deepEqual(await termshim('record', '--stop', id), silence);
  assert.equal(readCast(all).all('o'), 'first\r\n');
  assert.deepEqual(await termshim('record', id, part), silence);
  const human = sitAt(stage, termshimCommand('attach', id));
  await human.sees('first');
  human.type('a\r');
  await human.sees('second');
  human.type('b\r');
  await human.sees('last');
  await within(human.exited, 'the end');
  assert.equal(readCast(part).all('o'), 'first\r\na\r\nsecond\r\nb\r\nlast\r\n');
  assert.equal(readCast(all).all('o'), 'first\r\n');
  const ended = await termshim('record', id, stage.path('late.cast'));
  assert.match(ended.stderr, /^termshim: [^\n]*has ended \[ERR_STATE_INVALID\]\n$/);

  const execPath = stage.path('exec.cast');
  const box = stage.newId();
  await run(stage, ['-d'], ['sleep', '1000'], box);
  stage.after(() => termshim('delete', '-f', box));
  const exec = await termshim('exec', '-t', '--record', execPath, box, '--', 'echo', 'from an exec');
  assert.deepEqual(exec, { ...silence, stdout: 'from an exec\r\n' });
  assert.equal(readCast(execPath).all('o'), 'from an exec\r\n');
});

test('a kill of the daemon loses at most a second of a recording', { timeout: 60_000 }, async (t) => {
  const stage = openStage(t);
  const path = stage.path('r.cast');
  const script = 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.01; done';
  const command = runCommand('pty', stage, { flags: ['-dt', '--record', path], command: ['sh', '-c', script] });
  await runToEnd(command, { env: stage.env });
  await waitFor(() => readGrowingCast(path)?.all('o').includes('line 100\r'), 'a second of it');
  const daemon = stage.processes().find(({ commandLine }) => commandLine.includes('--namespace termshim'));
  const [session] = (await (await connectToDaemon(stage)).sessions.list({})).sessions;
  process.kill(daemon?.pid ?? 0, 'SIGKILL');
  await waitFor(() => stage.processes().length === 0, 'the end of both');
  const recorded = readGrowingCast(path)?.all('o') ?? '';
  const lines = recorded.split('\r\n').slice(0, -1);
  assert.deepEqual(
    lines,
    Array.from(lines, (_, index) => `line ${index + 1}`),
  );
  const lost = Number(session?.stdoutBytes) - recorded.length;
  assert.ok(lost < 100 * 'line 1000\r\n'.length, `${lost} bytes were lost: more than the program writes in a second`);
  await runToEnd(['sh', '-c', `rm -rf "$XDG_RUNTIME_DIR"/*/*`], { env: stage.env });
});

test('run fails before anything runs if the file of its recording cannot be made', {
  skip: missingFor('runc'),
}, async (t) => {
  const stage = openStage(t);
  const [there, readOnly] = [stage.path('there.cast'), stage.path('read-only')];
  writeFileSync(there, 'mine');
  mkdirSync(readOnly);
  await mountAll([tmpfs('ro')], readOnly);
  stage.after(() => unmountAll(readOnly));
  const refusals: [string, RegExp][] = [
    [there, /there is a file \S*\/there\.cast already[^\n]*\[ERR_FILE_EXISTS\]/],
    [`${readOnly}/r.cast`, /read-only file system \(EROFS\) \[ERR_SYSTEM\]/],
    [stage.path('no/where'), /no such file or directory \(ENOENT\) \[ERR_SYSTEM\]/],
  ];
  for (const [path, words] of refusals) {
    for (const flags of [['-t'], ['-dt']]) {
      const { stdout, stderr, status } = await run(stage, [...flags, '--record', path], ['echo', 'it ran']);
      assert.match(stderr, /^termshim: [^\n]*\n$/);
      assert.match(stderr, words);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    }
  }
  assert.equal(readFileSync(there, 'utf8'), 'mine');
  assert.equal(existsSync(stage.path('no')), false);
  assert.equal((await runToEnd(termshimCommand('ps', '--format', 'json'), { env: stage.env })).stdout, '[]\n');
});

test('a full disk ends the recording and nothing else', { skip: missingFor('runc'), timeout: 60_000 }, async (t) => {
  const stage = openStage(t);
  stage.letDaemonComplain();
  const disk = stage.path('disk');
  mkdirSync(disk);
  await mountAll([tmpfs('size=256k')], disk);
  stage.after(() => unmountAll(disk));
  const [id, path] = [stage.newId(), `${disk}/r.cast`];
  const script = 'echo ready; read -r go; seq 100000; echo still here; read -r go; exit 6';
  const human = sitAt(
    stage,
    runCommand('runc', stage, { flags: ['-it', '--record', path], id, command: ['sh', '-c', script] }),
  );
  await human.sees('ready');
  human.type('\r');
  await human.sees('still here', 20_000);
  const inspect = async (): Promise<string> =>
    (await runToEnd(termshimCommand('inspect', id), { env: stage.env })).stdout;
  const told = await waitFor(async () => {
    const said = await inspect();
    return /^recording +ended: /m.test(said) && said;
  }, 'the end of the recording');
  assert.match(told, /^recording +ended: cannot write the recording \S+: no space left on device \(ENOSPC\)$/m);
  const { events } = await (await connectToDaemon(stage)).sessions.events({});
  assert.ok(events.some(({ kind }) => kind === 'record-failed'));
  assert.match(readCast(path).all('o'), /^ready\r\n\r\n1\r\n2\r\n3\r\n/);
  human.type('\r');
  assert.equal(await within(human.exited, 'the end'), 6);
});

test('a run that waits for a recording on a disk that hangs ends by ^C, and others go on', {
  skip: missingFor('runc') || missing('root', 'fuse'),
  timeout: 60_000,
}, async (t) => {
  // It answers again before the stage looks for what is left.
  const path = `${hangingDisk(t)}/demo.cast`;
  const stage = openStage(t);
  // In raw mode ^C is the process's, which has not begun.
  for (const [flags, status] of [
    [['-it'], 1],
    [['-t'], 130],
    [['-dt'], 130],
  ] as const) {
    const id = stage.newId();
    const human = sitAt(stage, runCommand('runc', stage, { flags: [...flags, '--record', path], id, command: shell }));
    const list = async (): Promise<string> => (await runToEnd(termshimCommand('ps'), { env: stage.env })).stdout;
    await waitFor(async () => new RegExp(`^${id} .* created `, 'm').test(await list()), 'the container to be made');
    const { stdout } = await run(stage, [], ['echo', 'beside it']);
    assert.equal(stdout, 'beside it\n');
    human.type('\x03');
    assert.equal(await within(human.exited, 'the end of the run'), status);
    assert.equal((await list()).includes(id), false);
  }
});
