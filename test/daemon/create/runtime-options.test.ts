/*
 * These are the options of a container, in each of the messages that containerd and its clients use. What could break:
 * the message of one version is refused, or read with the field numbers of another; an option is dropped silently; or
 * an untrusted configuration that is broken, huge, deeply nested or on a disk that hangs ends or stops the daemon. The
 * tests read messages of each type, random bytes, and files on a hanging disk.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readCheckpoint } from '../../../src/daemon/create/checkpoint.js';
import { readCreateOptions } from '../../../src/daemon/create/create-options.js';
import { readRuntimeOptions } from '../../../src/daemon/create/runtime-options.js';
import { maxTomlBytes, optionsFromToml } from '../../../src/daemon/create/toml-options.js';
import {
  CheckpointOptions as LegacyCheckpoint,
  CreateOptions,
  RuncOptions,
} from '../../../src/ttrpc/gen/containerd/linux-runc-options.js';
import { CheckpointOptions, Options } from '../../../src/ttrpc/gen/containerd/runc-options.js';
import { Options as GenericOptions } from '../../../src/ttrpc/gen/containerd/runtimeoptions.js';
import { message, packAny } from '../../../src/ttrpc/message.js';
import { Code } from '../../../src/ttrpc/status.js';
import { hangingDisk } from '../../helpers/base/hanging-disk.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const generic = (fields: Partial<GenericOptions>) => readRuntimeOptions(packAny(GenericOptions, fields));
const table = (toml: string) => generic({ configBody: Buffer.from(toml) });
const options = (fields: Partial<Options> = {}): Options => message(Options, fields);
const refusal = (words: RegExp) => ({ name: 'RpcError', code: Code.InvalidArgument, message: words });

test('missing and empty options of any type mean the defaults', async () => {
  assert.deepEqual(await readRuntimeOptions(undefined), options());
  for (const typeUrl of ['', Options.$type, GenericOptions.$type, CreateOptions.$type, 'x.Y']) {
    assert.deepEqual(await readRuntimeOptions({ typeUrl, value: new Uint8Array(0) }), options());
  }
  assert.deepEqual(await table('# nothing\n'), options());
  const { name, root } = await readCreateOptions(packAny(GenericOptions, {}), 'ns');
  assert.deepEqual([name, root], ['runc', '/run/containerd/runc/ns']);
});

test('the options of runc are read in both forms of their type', async () => {
  const fields = {
    binaryName: 'crun',
    root: '/r',
    shimCgroup: '/c',
    ioUid: 7,
    systemdCgroup: true,
    criuImagePath: '/i',
  };
  const { typeUrl, value } = packAny(Options, fields);
  for (const url of [typeUrl, `types.googleapis.com/${typeUrl}`]) {
    assert.deepEqual(await readRuntimeOptions({ typeUrl: url, value }), options(fields));
  }
});

test("a table of containerd's configuration has the names that containerd documents", async () => {
  const toml = `BinaryName = "/usr/bin/crun"
CriuImagePath = "/i"
CriuWorkPath = "/w"
IoGid = 8
IoUid = 4294967295
NoNewKeyring = true
NoPivotRoot = true
Root = "/r"
ShimCgroup = "/c"
SystemdCgroup = true
TypeUrl = "containerd.runc.v1.Options"
ConfigPath = ""
`;
  const expected = options({
    binaryName: '/usr/bin/crun',
    criuImagePath: '/i',
    criuWorkPath: '/w',
    ioGid: 8,
    ioUid: 0xffff_ffff,
    noNewKeyring: true,
    noPivotRoot: true,
    root: '/r',
    shimCgroup: '/c',
    systemdCgroup: true,
  });
  assert.deepEqual(await table(toml), expected);
  assert.deepEqual(await table('binary_name = "crun"\nio_uid = 0'), options({ binaryName: 'crun' }));
});

const broken: [title: string, toml: string, words: RegExp][] = [
  ['no TOML', 'BinaryName = ', /the table of options: not TOML: [^\n]+$/],
  ['a name that is not known', 'BinryName = "crun"', /unknown option "BinryName"$/],
  ['a name of JavaScript', '__proto__ = 1\nconstructor = 2', /the table of options: /],
  ['a table', '[options]\nRoot = "/r"', /unknown option "options"$/],
  ['another kind', 'SystemdCgroup = "true"', /SystemdCgroup is not true or false$/],
  ['a number that is none', 'IoUid = 1.5', /IoUid is not a number of 32 bits$/],
  ['a number below zero', 'IoUid = -1', /IoUid is not a number of 32 bits$/],
  ['a date', 'Root = 2026-11-30', /Root is not a string$/],
  ['a huge one', `# ${'x'.repeat(maxTomlBytes)}`, /longer than 65536 bytes$/],
  ['a deep one', `a = ${'['.repeat(30_000)}`, /not TOML: /],
  ['a deep one of dots', `${'a.'.repeat(30_000)}a = 1`, /the table of options: /],
];

for (const [title, toml, words] of broken) {
  test(`a TOML table is refused with the reason: ${title}`, async () => {
    await assert.rejects(table(toml), refusal(words));
  });
}

test('any bytes are read as options or refused in one line, within bounded time', async () => {
  await assert.rejects(generic({ configBody: Buffer.from([0xff, 0xfe]) }), refusal(/the table of options: /));
  const piece = fc.constantFrom('a', '.', '=', '[', ']', '{', '}', '"', "'", '\n', ',', '1', '-', '\\u', '#', 'Root');
  const text = fc.array(piece, { maxLength: 300 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (toml) => {
      try {
        optionsFromToml(Buffer.from(toml));
      } catch (error) {
        assert.doesNotMatch((error as Error).message, /\n/);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a configuration must be for termshim's runtime type or name no type", async () => {
  const body = { configBody: Buffer.from('Root = "/r"') };
  for (const typeUrl of [Options.$type, `x/${Options.$type}`]) {
    assert.equal((await generic({ typeUrl, ...body })).root, '/r');
  }
  const other = generic({ typeUrl: 'io.containerd.runsc.v1.options', ...body });
  await assert.rejects(
    other,
    refusal(/the TypeUrl must be containerd\.runc\S+, but it is io\.containerd\.runsc\.v1\.options$/),
  );
});

leakTest('a file of options overrides a TOML table', async (scope) => {
  const path = join(temporaryDirectory(scope), 'options.toml');
  writeFileSync(path, 'Root = "/file"');
  assert.equal((await generic({ configPath: path, configBody: Buffer.from('Root = "/table"') })).root, '/file');
  writeFileSync(path, `Root = "/file"\n#${'x'.repeat(maxTomlBytes)}`);
  await assert.rejects(generic({ configPath: path }), refusal(/options\.toml: longer than 65536 bytes$/));
  writeFileSync(path, 'Rooot = "/file"');
  await assert.rejects(generic({ configPath: path }), refusal(/options\.toml: unknown option "Rooot"$/));
  await assert.rejects(generic({ configPath: '/none' }), refusal(/cannot read \/none: ENOENT/));
  await assert.rejects(generic({ configPath: 'options.toml' }), refusal(/not an absolute path/));
});

leakTest(
  'a Create that reads a file of options on a disk that hangs can be cancelled',
  async (scope) => {
    const any = packAny(GenericOptions, { configPath: join(hangingDisk(scope), 'x') });
    const aborting = new AbortController();
    const reading = readRuntimeOptions(any, aborting.signal);
    aborting.abort(new Error('given up'));
    await assert.rejects(reading, /given up/);
  },
  { skip: missing('root', 'fuse') },
);

test('the options of a client before 2.0 are read for a runtime that is not runc', async () => {
  const fields = { noPivotRoot: true, noNewKeyring: true, shimCgroup: '/c', ioUid: 7, ioGid: 8 };
  const images = { criuImagePath: '/i', criuWorkPath: '/w' };
  const told = { ...fields, ...images, openTcp: true, terminal: true, cgroupsMode: 'soft' };
  assert.deepEqual(await readRuntimeOptions(packAny(CreateOptions, told)), options({ ...fields, ...images }));
  const linux = packAny(RuncOptions, { runtime: 'crun', runtimeRoot: '/r', criuPath: '/x', systemdCgroup: true });
  assert.deepEqual(await readRuntimeOptions(linux), options({ binaryName: 'crun', root: '/r', systemdCgroup: true }));
});

test('options of every other type are refused', async () => {
  await assert.rejects(readRuntimeOptions({ typeUrl: 'x.Y', value: Buffer.of(1) }), refusal(/unknown type x\.Y$/));
  const almost = { ...packAny(Options, { root: '/r' }), typeUrl: `x${Options.$type}` };
  await assert.rejects(readRuntimeOptions(almost), refusal(/unknown type /));
  for (const typeUrl of [Options.$type, GenericOptions.$type, CreateOptions.$type]) {
    await assert.rejects(readRuntimeOptions({ typeUrl, value: Buffer.of(0x0a) }), refusal(/this is not a /));
  }
});

test('the options of a checkpoint are numbered by their type', () => {
  const fields = { exit: true, workPath: '/w', imagePath: '/i', emptyNamespaces: ['net'], cgroupsMode: 'full' };
  const read = [packAny(CheckpointOptions, fields), packAny(LegacyCheckpoint, fields)].map((any) =>
    readCheckpoint('', any, '/b'),
  );
  assert.deepEqual(read[0], read[1]);
  assert.deepEqual([read[0]?.imagePath, read[0]?.workPath, read[0]?.leaveRunning], ['/i', '/w', false]);
  assert.equal(readCheckpoint('/p', undefined, '/b').imagePath, '/p');
  assert.equal(readCheckpoint('/p', { typeUrl: 'x.Y', value: new Uint8Array(0) }, '/b').imagePath, '/p');
  assert.throws(
    () => readCheckpoint('/p', { typeUrl: 'x.Y', value: Buffer.of(8, 1) }, '/b'),
    refusal(/unknown type x\.Y$/),
  );
  assert.throws(
    () => readCheckpoint('/p', { typeUrl: CheckpointOptions.$type, value: Buffer.of(0x0a) }, '/b'),
    refusal(/not a /),
  );
});
