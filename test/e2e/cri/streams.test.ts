/**
 * Exec and Attach go through the streaming server of containerd's CRI plugin, as kubectl uses them, with
 * containerd-shim-runc-v2 and with termshim. What could break: typed or shown bytes are lost or doubled, a size does
 * not arrive, a client that disconnects ends the container or leaves its process behind, or an exit status differs. The
 * same script runs with both shims, and the test compares every byte and status.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { assertSame, namesRuntime } from '../../helpers/cri/compare.js';
import type { Handler } from '../../helpers/cri/configuration.js';
import { startKubelet } from '../../helpers/cri/kubelet.js';
import { openCriScript } from '../../helpers/cri/script.js';
import type { Streams } from '../../helpers/cri/streams.js';
import { missing } from '../../helpers/base/requirement.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import type { Transcript } from '../../helpers/shim/transcript.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

const differences = { 'exec of no program': namesRuntime };

test('exec, attach and resize work in the same way with either shim', { skip }, async (t) => {
  const theirs = await play(t, 'runc');
  assertSame(theirs, await play(t, 'termshim'), differences);
  assertSame(theirs, await play(t, 'termshim', { TERMSHIM_GROUP: 'pod' }), differences);
});

const answering = `stty -echo; echo ready; while read line; do
  case $line in size) stty size;; bye) echo farewell; exit 9;; *) echo "got $line";; esac; done`;

async function play(t: TestContext, handler: Handler, env: NodeJS.ProcessEnv = {}): Promise<Transcript> {
  const testbed = openTestbed(t);
  const kubelet = await startKubelet(testbed, env);
  const script = openCriScript(testbed, kubelet, handler);
  const { ended, log, note, open, run, transcript } = script;
  const pod = await script.runPod();

  const shell = await run(pod, 'shell', answering, { tty: true, stdin: true });
  await log('what was said before the attach', 'shell', 'ready');
  const first = await open(shell, { tty: true });
  first.type('hello\n');
  note('attach', await first.expect('got hello\r\n'));
  await setsSize(first, handler, 100, 33);
  const second = await open(shell, { tty: true });
  second.type('again\n');
  note('a second attach', await second.expect('got again\r\n'));
  assert.match(await first.expect('got again\r\n'), /got hello/);
  await setsSize(second, handler, 71, 17);
  await second.leave();
  first.type('still\n');
  await first.expect('got still\r\n');

  const atTerminal = await open(shell, { cmd: ['sh', '-c', `tty; ${answering}`], tty: true });
  note('exec at a terminal', await atTerminal.expect('ready\r\n'));
  await setsSize(atTerminal, handler, 132, 43);
  atTerminal.type('bye\n');
  note('its end', `${await atTerminal.ended()} ${atTerminal.stdout.slice(-12)}`);

  const piped = await open(shell, { cmd: ['sh', '-c', 'read x; echo "out $x"; echo "err $x" >&2; exit 5'] });
  piped.type('typed\n');
  note('exec without a terminal', `${await piped.ended()}\n${piped.stdout}${piped.stderr}`);
  const much = await open(shell, { cmd: ['sh', '-c', 'yes 0123456789 | head -n 100000'], stdin: false });
  assert.equal(await much.ended(), success);
  assert.equal(much.stdout, '0123456789\n'.repeat(100_000));
  const eating = await open(shell, { cmd: ['sh', '-c', 'head -c 1000000 | sha256sum'] });
  for (let left = 1_000_000; left > 0; left -= 25_000) eating.type(Buffer.alloc(25_000, 'x'));
  note('exec that is told much', `${await eating.ended()}\n${eating.stdout}`);
  const lost = await open(shell, { cmd: ['nonesuch'] });
  note('exec of no program', await lost.ended());
  const signalled = await open(shell, { cmd: ['sh', '-c', 'kill -9 $$'] });
  note('exec that a signal ends', await signalled.ended());

  const left = await open(shell, { cmd: ['sh', '-c', 'echo here; exec cat'] });
  await left.expect('here');
  await left.leave();
  const isThere = async (): Promise<boolean> => / cat$/m.test(await script.exec('processes', shell, 'ps'));
  await waitFor(async () => !(await isThere()), 'the end of a process that reads from a client that has left');
  transcript.delete('processes');

  first.type('bye\n');
  note('the end of the attach', `${await first.ended()} ${(await first.expect('farewell\r\n')).slice(-30)}`);
  await ended('the end of the container', shell);
  await log('the log of a terminal', 'shell', 'farewell');
  // How often a size was asked for is a matter of time.
  const lines = transcript.get('the log of a terminal') ?? [];
  transcript.set(
    'the log of a terminal',
    lines.filter((line) => !/ \d+ \d+$/.test(line)),
  );

  const once = await run(pod, 'once', 'cat; echo end; exit 3', { stdin: true, stdinOnce: true });
  const attached = await open(once, {});
  attached.type('one\n');
  await attached.expect('one\n');
  await attached.leave();
  await ended('the end of stdin ends a container whose stdin is open once', once);
  await log('its log', 'once', 'end');

  const kept = await run(pod, 'kept', 'echo ready; cat; echo end', { stdin: true });
  await log('a container that reads', 'kept', 'ready');
  for (const word of ['one\n', 'two\n']) {
    const client = await open(kept, {});
    client.type(word);
    note(`attach to say ${word.trim()}`, await client.expect(word));
    await client.leave();
  }
  note('a container whose stdin stays open', (await script.status(kept)).state);

  const both = await run(pod, 'both', 'while sleep 0.05; do echo out; echo err >&2; done');
  const watching = await open(both, { stdin: false });
  await watching.expect('out\nout\n');
  await waitFor(() => watching.stderr.includes('err\nerr\n'), 'stderr');
  await script.call('stop of what is watched', 'StopContainer', { containerId: both, timeout: 0 });
  note('the end of what is watched', await watching.ended());
  return transcript;
}

const success = '{"metadata":{},"status":"Success"}';

/**
 * A size travels beside what is typed, and may come later. With the stock shim an answer was twice missing after 10 s, which
 * runc and busybox alone never show: there it is asked for again.
 */
async function setsSize(streams: Streams, handler: Handler, columns: number, rows: number): Promise<void> {
  streams.resize(columns, rows);
  await waitFor(async () => {
    const before = streams.stdout.length;
    const answers = (): boolean => /\d+ \d+\r\n$/.test(streams.stdout.slice(before));
    streams.type('size\n');
    if (handler === 'runc') await waitFor(answers, 'a size', 1000).catch(() => {});
    else await waitFor(answers, 'a size');
    return streams.stdout.endsWith(`${rows} ${columns}\r\n`);
  }, `the size ${columns}x${rows}`);
}
