/*
 * The test sends Create, start, exec, kill, delete and queries in any order and at the same time, for several
 * containers of one daemon, for a minute. What could break: a transition that the table of states does not have, a
 * command that waits for an event that is over, a Wait that never returns, or a descriptor or a process that stays. A
 * step is one to three commands at the same time on one container; each answer must be success or one of the three
 * errors for a wrong state. After each step nothing may hang, and a single command is checked against the state before
 * it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, constantFrom, sample } from 'fast-check';
import { FifoReader } from '../../../src/os/fifo.js';
import { Status } from '../../../src/ttrpc/gen/containerd/task-status.js';
import { Code, RpcError } from '../../../src/ttrpc/status.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { missing } from '../../helpers/base/requirement.js';
import { type ShimDaemon, startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const forMs = 60_000;
const atOnce = 4;
/** No command of the pty runtime takes a tenth of it. */
const hangMs = 30_000;

const verbs = [
  'create',
  'start',
  'exec',
  'startExec',
  'kill',
  'killExec',
  'delete',
  'deleteExec',
  'state',
  'resize',
] as const;
type Verb = (typeof verbs)[number];

/** From which states of the init a single command succeeds. Undefined is a container that is not there. */
const allowed: Readonly<Record<Verb, readonly unknown[]>> = {
  create: [undefined],
  start: [Status.CREATED],
  exec: [Status.CREATED, Status.RUNNING],
  startExec: [],
  kill: [Status.CREATED, Status.RUNNING],
  killExec: [],
  delete: [Status.CREATED, Status.STOPPED],
  deleteExec: [],
  state: [Status.CREATED, Status.RUNNING, Status.STOPPED],
  resize: [Status.CREATED, Status.RUNNING, Status.STOPPED],
};

/** Whether a single command succeeds depends on the exec process too. */
const ofExec: ReadonlySet<Verb> = new Set(['exec', 'startExec', 'killExec', 'deleteExec']);

const refusals: ReadonlySet<number> = new Set([Code.NotFound, Code.AlreadyExists, Code.FailedPrecondition]);

const steps = array(array(constantFrom(...verbs), { minLength: 1, maxLength: 3 }), {
  minLength: 8,
  maxLength: 24,
});

test('commands in any order for a minute keep the shim as the model says', {
  skip: missing('root'),
  timeout: 200_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const daemon = await startShimDaemon(testbed);
  await playContainer(testbed, daemon, [['create'], ['start'], ['kill'], ['delete']]);
  const before = daemon.countDescriptors();
  const end = performance.now() + forMs;
  let containers = 0;
  const play = async (): Promise<void> => {
    while (performance.now() < end) {
      const plan = sample(steps, 1)[0] as Verb[][];
      containers += 1;
      await playContainer(testbed, daemon, plan).catch((error: Error) => {
        throw new Error(`${JSON.stringify(plan)}: ${error.message}`, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, play));
  t.diagnostic(`${containers} containers`);
  assert.ok(containers > 20, 'hardly anything was tried');
  await waitFor(() => daemon.countDescriptors() === before, `${before} descriptors again`, 5000).catch(() => {
    assert.equal(daemon.countDescriptors(), before, 'descriptors of the daemon');
  });
});

async function playContainer(testbed: Testbed, daemon: ShimDaemon, plan: readonly (readonly Verb[])[]): Promise<void> {
  const id = testbed.newId();
  const bundle = await daemon.makeBundle(id, ['/bin/sh', '-c', 'exec sleep 1000']);
  const reader = FifoReader.open(`${bundle}/out`);
  const output = readFrom(reader.fd);
  const waits: Promise<unknown>[] = [];
  const { task } = daemon;
  const commands: Readonly<Record<Verb, () => Promise<unknown>>> = {
    async create() {
      const created = await task.create(daemon.request(id, bundle));
      waits.push(task.wait({ id }));
      return created;
    },
    start: () => task.start({ id }),
    async exec() {
      const spec = JSON.stringify({
        args: ['/bin/sh', '-c', 'exec sleep 1000'],
        cwd: '/',
        env: ['PATH=/bin:/usr/bin'],
      });
      await task.exec({ id, execId: 'e', terminal: true, spec: { typeUrl: '', value: Buffer.from(spec) } });
      waits.push(task.wait({ id, execId: 'e' }).catch(refusal));
    },
    startExec: () => task.start({ id, execId: 'e' }),
    kill: () => task.kill({ id, signal: 9 }),
    killExec: () => task.kill({ id, execId: 'e', signal: 9 }),
    delete: () => task.delete({ id }),
    deleteExec: () => task.delete({ id, execId: 'e' }),
    state: () => task.state({ id }),
    resize: () => task.resizePty({ id, width: 100, height: 30 }),
  };
  const run = (verb: Verb): Promise<boolean> =>
    within(
      commands[verb]().then(() => true, refusal),
      `the answer to ${verb}`,
      hangMs,
    );
  const statusOf = async (): Promise<Status | undefined> =>
    ((await task.state({ id }).catch(refusal)) || undefined)?.status;

  await daemon.announce(id, bundle);
  // A kill is not an end: what was told to end may be found in either state.
  let isEnding = false;
  for (const step of plan) {
    const status = await statusOf();
    isEnding &&= status !== undefined && status !== Status.STOPPED;
    const answers = await Promise.all(step.map(run));
    const [verb] = step as [Verb];
    if (step.length === 1 && !ofExec.has(verb) && !isEnding) {
      assert.equal(answers[0], allowed[verb].includes(status), `${verb} of a container in the state ${status}`);
    }
    isEnding ||= step.includes('kill');
  }
  await run('kill');
  await waitFor(async () => ((await statusOf()) ?? Status.STOPPED) === Status.STOPPED, 'the container to stop');
  await run('delete');
  assert.equal(await statusOf(), undefined);
  await within(Promise.all(waits), 'the answer to every Wait', hangMs);
  await checkStory(daemon, id);
  await daemon.forget(id);
  output.close();
  reader.close();
}

/** Any other error than a refusal is a failure of the test. */
function refusal(error: unknown): false {
  if (error instanceof RpcError && refusals.has(error.code)) return false;
  throw error;
}

/** The order in which containerd must hear of a container, each time that it was created. */
async function checkStory(daemon: ShimDaemon, id: string): Promise<void> {
  // Every event begins with the field container_id.
  const start = Buffer.from(`\n${String.fromCharCode(id.length)}${id}`);
  const topics = (): string[] =>
    daemon.events
      .filter(({ event }) => start.equals(event.subarray(0, start.length)))
      .map(({ topic, exitOf }) => (exitOf === id ? '/tasks/init-exit' : topic));
  const count = (wanted: string): number => topics().filter((topic) => topic === wanted).length;
  await waitFor(() => count('/tasks/create') === count('/tasks/delete'), 'the last events');
  for (const life of `${topics().join(' ')} `.split('/tasks/create ').slice(1)) {
    assert.match(life, /^(?!.*init-exit.*(start|exec|exit|init-exit) )/, `the exit of the init is the last: ${life}`);
    assert.match(life, /^(?!.*delete .)/, `nothing follows a delete: ${life}`);
  }
}
