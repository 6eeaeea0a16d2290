/**
 * The same script of ctr commands runs with containerd-shim-runc-v2 and with termshim. A user who changes from one to
 * the other must not see a difference in the output, an exit status or an event. The messages of some refusals differ:
 * they are listed below with the reason, and the test fails if one of them no longer differs.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, fifosIn, hasStatus, listenToEvents, runOf } from '../../helpers/shim/ctr.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { runcShimPath } from '../../helpers/shim/shims.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { type Transcript, differencesOf, openScript } from '../../helpers/shim/transcript.js';
import { within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

const noProgram = 'unable to start container process: exec: "nonesuch": executable file not found in $PATH: unknown';

/** What both refuse in other words: by the reason for ours, and by step, theirs and ours. */
const otherWords: Record<string, Record<string, readonly [theirs: string, ours: string]>> = {
  'The runtime is named: there may be several.': {
    'exec of no program': [
      `OCI runtime exec failed: exec failed: ${noProgram}`,
      `OCI runtime exec failed: runc exec failed: ${noProgram}`,
    ],
  },
  'Both names are said, since a log has the lines of many.': {
    'exec with the id of another': [
      'id e4: already exists',
      'the container ID2 already has a process e4: already exists',
    ],
    'kill of an exec that has ended': [
      'process already finished: not found',
      'the process e4 of the container ID2 has already ended: not found',
    ],
    'kill of no exec': ['process does not exist none: not found', 'the container ID2 has no process none: not found'],
    'kill of a stopped one': ['process already finished: not found', 'the container ID3 has already ended: not found'],
  },
  'The status tells a client that the state is the reason; `unknown` tells nothing.': {
    'pause of a paused one': [
      'cannot pause a paused container: unknown',
      'the container ID2 is paused and cannot become paused: failed precondition',
    ],
    'exec in a paused one': [
      'cannot exec in a paused state: unknown',
      'the container ID2 is paused and cannot run another process: failed precondition',
    ],
    'resume of a running one': [
      'cannot resume a running process: unknown',
      'the container ID2 is running and cannot become running: failed precondition',
    ],
    'pause of a stopped one': [
      'cannot pause a stopped container: unknown',
      'the container ID3 is stopped and cannot become paused: failed precondition',
    ],
    'resume of a stopped one': [
      'cannot resume a stopped container: unknown',
      'the container ID3 is stopped and cannot become running: failed precondition',
    ],
    'exec in a stopped one': [
      'cannot exec in a stopped state: unknown',
      'the container ID3 is stopped and cannot run another process: failed precondition',
    ],
  },
};

const statusWords = /: (unknown|not found|already exists|failed precondition)$/;

test('the same script gets the same answers from both shims', { skip }, async (t) => {
  const theirs = await play(t, runcShimPath);
  const ours = await play(t, shimPath);
  // containerd 2.1 adds no words for the status. Where theirs has them, it says them itself.
  const addsStatus = theirs.get('pause of a paused one')?.[0]?.endsWith(': unknown') === true;
  const plain = (line: string): string => (addsStatus ? line : line.replace(statusWords, ''));
  const refusal = (words: string): string[] => [plain(`stderr: ctr: ${words}`), 'status 1'];
  const listed = Object.values(otherWords).flatMap((steps) => Object.entries(steps));
  const found = Object.entries(differencesOf(theirs, ours)).map(([step, both]) => [
    step,
    both.map((lines) => lines?.map(plain)),
  ]);
  assert.deepEqual(
    Object.fromEntries(found),
    Object.fromEntries(listed.map(([step, both]) => [step, both.map(refusal)])),
  );
});

async function play(t: TestContext, shim: string): Promise<Transcript> {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const events = await listenToEvents(testbed, containerd);
  const [short, long, silent] = [testbed.newId(), testbed.newId(), testbed.newId()] as const;
  const script = openScript(testbed, containerd, [short, long, silent]);
  const { ctr, atTerminal } = script;

  await ctr('run', ...runOf(testbed, { shim, id: short, flags: ['--rm'], script: 'echo out; echo err >&2; exit 3' }));
  await atTerminal('run -t', ...runOf(testbed, { shim, id: short, flags: ['--rm', '-t'], script: 'tty; exit 4' }));
  const lost = ['run', '--rm', ...fifosIn(testbed), '--runtime', shim, '--rootfs', testbed.rootfs, short, 'nonesuch'];
  await ctr('run of no program', ...lost);

  const answering = 'stty -echo; while read line; do echo "got $line"; [ "$line" = bye ] && exit 9; done';
  await atTerminal('run -d -t', ...runOf(testbed, { shim, id: long, flags: ['-d', '-t'], script: answering }));
  await ctr('ls', 'tasks', 'ls');
  await ctr('ps', 'tasks', 'ps', long);
  await ctr('metrics', 'tasks', 'metrics', long);
  const attached = openTerminal(testbed, containerd.command('tasks', 'attach', long));
  attached.type('hello\n');
  script.note('attach', await attached.expect('got hello\r\r\n'));

  await ctr('exec', ...execOf(testbed, long, 'e1', 'echo out; echo err >&2; exit 6'));
  const exec = openTerminal(
    testbed,
    containerd.command(...execOf(testbed, long, 'e2', 'stty -echo; tty; read go; exit 5', '-t')),
  );
  script.note('exec -t', await exec.expect('/dev/pts/1\r\r\n'));
  exec.type('go\n');
  script.note('the end of exec -t', `status ${await within(exec.exited, 'the end of the exec')}`);
  await ctr('exec of no program', 'tasks', 'exec', ...fifosIn(testbed), '--exec-id', 'e3', long, 'nonesuch');
  await ctr('exec -d', ...execOf(testbed, long, 'e4', 'exec sleep 1000', '-d'));
  await ctr('exec with the id of another', ...execOf(testbed, long, 'e4', 'exit', '-d'));
  await ctr('ps with an exec', 'tasks', 'ps', long);
  await ctr('rm of a running exec', 'tasks', 'rm', '--exec-id', 'e4', long);
  await ctr('kill of an exec', 'tasks', 'kill', '--signal', 'KILL', '--exec-id', 'e4', long);
  await events.expect('/tasks/exit', { id: 'e4' });
  await ctr('kill of an exec that has ended', 'tasks', 'kill', '--exec-id', 'e4', long);
  await ctr('rm of an exec', 'tasks', 'rm', '--exec-id', 'e4', long);
  await ctr('kill of no exec', 'tasks', 'kill', '--exec-id', 'none', long);

  await ctr('pause', 'tasks', 'pause', long);
  await ctr('ls of a paused one', 'tasks', 'ls');
  await ctr('pause of a paused one', 'tasks', 'pause', long);
  await ctr('exec in a paused one', ...execOf(testbed, long, 'e5', 'exit'));
  await ctr('resume', 'tasks', 'resume', long);
  await ctr('resume of a running one', 'tasks', 'resume', long);
  await ctr('rm of a running one', 'tasks', 'rm', long);
  attached.type('bye\n');
  script.note('the last line', await attached.expect('got bye\r\r\n'));
  script.note('the end of the attach', `status ${await within(attached.exited, 'the end of the attach')}`);
  await ctr('ls of none', 'tasks', 'ls');
  await ctr('containers rm', 'containers', 'rm', long);

  await ctr('run -d', ...runOf(testbed, { shim, id: silent, flags: ['-d'], script: 'exec sleep 1000' }));
  await ctr('kill', 'tasks', 'kill', '--signal', 'KILL', silent);
  await hasStatus(containerd, silent, 'STOPPED');
  await ctr('ls of a stopped one', 'tasks', 'ls');
  await ctr('ps of a stopped one', 'tasks', 'ps', silent);
  await ctr('metrics of a stopped one', 'tasks', 'metrics', silent);
  await ctr('pause of a stopped one', 'tasks', 'pause', silent);
  await ctr('resume of a stopped one', 'tasks', 'resume', silent);
  await ctr('exec in a stopped one', ...execOf(testbed, silent, 'e6', 'exit'));
  await ctr('kill of a stopped one', 'tasks', 'kill', silent);
  await ctr('start of a stopped one', 'tasks', 'start', silent);
  await ctr('rm of a stopped one', 'tasks', 'rm', silent);
  await ctr('rm of none', 'tasks', 'rm', silent);
  await ctr('containers rm at the end', 'containers', 'rm', silent);

  for (const id of [short, long, silent]) {
    // containerd-shim-runc-v2 2.1 ends without telling the last event, now and then.
    if (shim === shimPath) await events.expect('/tasks/delete', { container_id: id });
    const others = events.of(id).filter(({ topic }) => topic !== '/tasks/delete');
    script.note(`events of ${id.slice(-1)}`, describe(others));
  }
  return script.transcript;
}

/** One line for each event. Pids, times and the directories of FIFOs are of one run. */
function describe(events: readonly object[]): string {
  return events
    .map((event) => JSON.stringify(event))
    .join('\n')
    .replaceAll(/"pid":\d+|"exited_at":("[^"]+"|{[^}]+})|fifos\/\d+/g, 'X');
}
