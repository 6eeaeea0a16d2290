/*
 * `start`, `delete` and `-info` run as root and read the bundle, stdin and the command line, which others may write.
 * The test makes up each of them: the program must end soon and by itself, with status 0, or with one line and status
 * 1; `start` must print an address or an error and never both, since containerd reads both streams as one; and a later
 * `delete` must leave no daemon, no process and no socket.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Any } from '../../../src/ttrpc/gen/google/protobuf/any.js';
import { runToEnd, type CommandResult } from '../../helpers/base/command.js';
import { fuzz, fuzzSeconds, mangled } from '../../helpers/base/fuzz.js';
import { shimCaller, shimEnvironment, shimPath } from '../../helpers/shim/shim.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor } from '../../helpers/base/wait-for.js';

test('no bundle, stdin or argument crashes the shim or makes it leave something behind', {
  timeout: 120_000 + fuzzSeconds * 1000,
}, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  let count = 0;
  const attack = async ({ verb, files, stdin, args, group }: Attack): Promise<void> => {
    const id = `fuzzed-${count++}`;
    const bundle = shim.makeBundle(id);
    for (const [name, bytes = ''] of Object.entries(files)) {
      if (bytes === 'directory') mkdirSync(join(bundle, name));
      else writeFileSync(join(bundle, name), bytes);
    }
    const env = { ...shimEnvironment, ...testbed.env, TERMSHIM_GROUP: group };
    const run = (words: readonly string[], input?: Uint8Array): Promise<CommandResult> =>
      runToEnd([shimPath, ...words], { cwd: bundle, env, ...(input === undefined ? {} : { input }) });
    const place = shim.argumentsFor(id);
    const asked = [...place, ...args, ...(verb === 'delete' ? ['-bundle', bundle] : []), verb];
    const { stdout, stderr, status } = await run(asked, stdin);
    const said = `${asked.join(' ')}: ${status} ${JSON.stringify(stdout)} ${JSON.stringify(stderr)}`;
    assert.ok(status === 0 || status === 1, said);
    if (status === 1) assert.match(stderr, /^[^\n]*ERR_[A-Z_]+[^\n]*\n$/, said);
    if (verb === 'start') assert.notEqual(stdout === '', stderr === '', said);
    if (status === 1) assert.equal(stdout, '', said);
    const { status: deleted } = await run([...place, '-bundle', bundle, 'delete']);
    assert.equal(deleted, 0, said);
    await waitFor(() => shim.daemons().length === 0, `no daemon after ${said}`);
    assert.deepEqual(testbed.processes(), [], said);
    rmSync(bundle, { recursive: true });
  };
  const attempts = await fuzz(attacks(testbed.directory), attack);
  await waitFor(() => !existsSync(shim.socketOf()), 'no socket');
  t.diagnostic(`${attempts} attacks in ${fuzzSeconds} s`);
});

interface Attack {
  verb: string;
  files: Partial<Record<string, Uint8Array | 'directory'>>;
  stdin: Uint8Array | undefined;
  args: string[];
  group: string | undefined;
}

/** Paths lead into `directory`, so that nothing outside the test is named. */
function attacks(directory: string): fc.Arbitrary<Attack> {
  const json = (value: object): fc.Arbitrary<Uint8Array> => mangled(Buffer.from(JSON.stringify(value)));
  const file = (...good: fc.Arbitrary<Uint8Array>[]): fc.Arbitrary<Uint8Array | 'directory'> =>
    fc.oneof(
      ...good,
      fc.json().map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 100 }),
      fc.constant('directory' as const),
    );
  const config = {
    ociVersion: '1.0.2',
    process: { args: ['true'], cwd: '/' },
    annotations: { 'io.kubernetes.cri.sandbox-id': 'pod', 'io.containerd.runc.v2.group': 'group' },
  };
  const record = { runtime: ['true'], root: join(directory, 'root'), systemdCgroup: false, mounted: true };
  const deep = Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  const files = fc.record(
    {
      'config.json': file(json(config), fc.constant(deep)),
      'termshim.json': file(json(record), fc.constant(deep)),
      address: file(
        fc.constant(Buffer.from(`unix://${directory}/none`)),
        mangled(Buffer.from('unix:///run/termshim-x')),
      ),
      'init.pid': file(fc.constantFrom('0', '-1', '99999999', 'x', '').map((text) => Buffer.from(text))),
    },
    { requiredKeys: [] },
  );
  const options = Any.encode({ typeUrl: 'containerd.runc.v1.Options', value: Buffer.from([0x32, 4]) }).finish();
  const args = fc.oneof(
    { weight: 4, arbitrary: fc.constant<string[]>([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom<string>('-debug', '--debug', '-x', '-id', '', 'start', '-v'), {
        maxLength: 2,
      }),
    },
  );
  return fc.record({
    verb: fc.oneof(fc.constantFrom('start', 'start', 'delete', 'delete', '-info'), fc.string({ maxLength: 5 })),
    files,
    stdin: fc.option(fc.oneof(mangled(options), fc.uint8Array({ maxLength: 300 }), fc.constant(deep)), {
      nil: undefined,
    }),
    args,
    group: fc.constantFrom(undefined, '', 'pod', 'x'),
  });
}
