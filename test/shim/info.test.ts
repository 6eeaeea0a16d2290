/**
 * containerd and users ask a shim for its version with `-info`, and read the answer from stdout alone. containerd 2
 * learns from it what the runtime can do; without it a pod gets no user namespace. What could break: the answer has the
 * features of another runtime, or it never comes, so containerd never starts, because stdin has no end or is no
 * message, or because a runtime hangs, prints without end or has no `features`. The tests use such inputs and programs.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { RuntimeInfo } from '../../src/ttrpc/gen/containerd/types.js';
import { Any } from '../../src/ttrpc/gen/google/protobuf/any.js';
import { packAny } from '../../src/ttrpc/message.js';
import { outcomeOf } from '../helpers/base/command.js';
import { writeProgram } from '../helpers/runtime/fake-runtime.js';
import { missing } from '../helpers/base/requirement.js';
import { shimEnvironment, shimPath } from '../helpers/shim/shim.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
const { version } = JSON.parse(manifest) as { version: string };

test("the shim's -v prints the version", () => {
  const { stdout, stderr, status } = spawnSync(shimPath, ['-v'], { encoding: 'utf8', env: shimEnvironment });
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  const lines = [
    'containerd-shim-termshim-v2:',
    `  Version:  ${version}`,
    `  Node.js version: ${process.version}`,
    '',
    '',
  ];
  assert.equal(stdout, lines.join('\n'));
});

test("the shim's -info has the features of the default runtime if no options come", { skip: missing('runc') }, () => {
  const { info, warnings } = ask('');
  assert.deepEqual({ options: info.options, warnings }, { options: undefined, warnings: '' });
  assert.equal(info.features?.typeUrl, 'types.containerd.io/opencontainers/runtime-spec/1/features/Features');
  const said: unknown = JSON.parse(execFileSync('runc', ['features'], { encoding: 'utf8' }));
  assert.deepEqual(JSON.parse(Buffer.from(info.features.value).toString()), said);
});

test("the shim's -info has the features of the runtime that the options name, and the options", (t) => {
  const runtime = programOf(t, `[ "$*" = features ] && printf '{ "hooks": ["é"] }'`);
  const options = packAny(Options, { binaryName: runtime, root: '/elsewhere' });
  const { info, warnings } = ask(Any.encode(options).finish());
  assert.equal(warnings, '');
  assert.equal(Buffer.from(info.features?.value ?? []).toString(), '{"hooks":["é"]}');
  assert.equal(info.options?.typeUrl, options.typeUrl);
  assert.deepEqual(Options.decode(info.options.value), Options.decode(options.value));
});

const noFeatures: [title: string, script: string, warning: RegExp][] = [
  ['does not know the command', 'echo {}; echo unknown command >&2; exit 1', /features failed: exit status 1 /],
  ['dies', 'echo {}; kill -SEGV $$', /features failed: exit status SIGSEGV /],
  ['prints no JSON', 'echo hello', /features failed: .*JSON.* \[ERR_RUNTIME_FAILED]/],
  ['prints nothing', 'exit 0', /features failed: .*JSON/],
  ['prints a list', 'echo []', /features failed: it printed no JSON object/],
  ['prints a list so deep that it ends what reads it by recursion', deepList(), /features failed: /],
  ['prints without end', 'yes', /features failed: it printed more than 1048576 bytes/],
];
for (const [title, script, warning] of noFeatures) {
  test(`the shim's -info has no features of a runtime that ${title}`, (t) =>
    assertNoFeatures(ask(optionsOf(t, script)), warning));
}

test("the shim's -info ends what a runtime leaves behind, and does not wait for it", async (t) => {
  const marker = join(temporaryDirectory(t), 'pid');
  const { info } = ask(optionsOf(t, `sleep 1000 & echo $! >${marker}; echo '{}'`));
  assert.equal(Buffer.from(info.features?.value ?? []).toString(), '{}');
  const pid = readFileSync(marker, 'utf8').trim();
  await waitFor(() => !existsSync(`/proc/${pid}`), 'the end of what the runtime left behind');
});

const hanging: [title: string, script: string][] = [
  ['hangs', 'echo {}; sleep 1000'],
  ['hangs with its stdout closed', 'echo {}; exec >&-; sleep 1000'],
  [
    'leaves its stdout to a session of its own',
    `echo {}; setsid sh -c ': >"$0.in"; exec sleep 20' "$0" & until [ -e "$0.in" ]; do sleep 0.01; done`,
  ],
];
test("the shim's -info waits for a runtime for at most 10 s", async (t) => {
  const answers = hanging.map(async ([title, script]) => {
    const answer = await askSlowly(optionsOf(t, script));
    assertNoFeatures(answer, /did not end within 10000 ms \[ERR_RUNTIME_TIMEOUT]/, title);
  });
  await within(Promise.all(answers), 'the answers', 30_000);
});

const badInput: [title: string, input: Uint8Array, warning: RegExp][] = [
  ['no message', Buffer.from('options'), /this is not a google.protobuf.Any: .*\[ERR_REQUEST_INVALID]/],
  [
    'half a message',
    Any.encode(packAny(Options, { root: '/x' }))
      .finish()
      .subarray(0, -1),
    /not a google.protobuf.Any/,
  ],
  ['groups in groups', Buffer.alloc(200_000, 0x0b), /not a google.protobuf.Any/],
  ['another message', encodeAny('x.Y', 'x'), /unknown type x\.Y/],
  ['options that are none', encodeAny(Options.$type, '\xff'), /this is not a containerd.runc.v1.Options/],
  ['a runtime that is not there', encodeOptions('/nonexistent'), /\/nonexistent is not an executable file/],
  ['more than anybody says', Buffer.alloc(2 ** 20 + 1), /stdin has more than 1048576 bytes/],
];
for (const [title, input, warning] of badInput) {
  test(`the shim's -info has the version and no features if stdin is ${title}`, () =>
    assertNoFeatures(ask(input), warning));
}

test("the shim's -info waits for the end of stdin for at most 10 s", async () => {
  assertNoFeatures(await askSlowly(undefined), /stdin did not end within 10000 ms/);
});

interface Answer {
  info: RuntimeInfo;
  warnings: string;
}

function ask(input: string | Uint8Array): Answer {
  const { stdout, stderr, status } = spawnSync(shimPath, ['-info'], { input, env: shimEnvironment });
  assert.equal(status, 0, String(stderr));
  return { info: RuntimeInfo.decode(stdout), warnings: String(stderr) };
}

/** Without an end of stdin, if there is no input. */
async function askSlowly(input: Uint8Array | undefined): Promise<Answer> {
  const child = spawn(shimPath, ['-info'], { env: shimEnvironment });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (input !== undefined) child.stdin.end(input);
  const { stderr, status } = await within(outcomeOf(child), 'the answer', 30_000);
  assert.equal(status, 0, stderr);
  return { info: RuntimeInfo.decode(Buffer.concat(chunks)), warnings: stderr };
}

function assertNoFeatures({ info, warnings }: Answer, warning: RegExp, title?: string): void {
  const { name, version: is, features } = info;
  const expected = { name: 'io.containerd.termshim.v2', version: { version, revision: '' }, features: undefined };
  assert.deepEqual({ name, version: is, features }, expected, title);
  assert.match(warnings, warning, title);
  assert.equal(warnings.trim().split('\n').length, 1, warnings);
}

function optionsOf(t: TestContext, script: string): Uint8Array {
  return encodeOptions(programOf(t, script));
}

function programOf(t: TestContext, script: string): string {
  const directory = temporaryDirectory(t);
  return writeProgram({ path: (name) => join(directory, name) }, 'runtime', script);
}

function encodeOptions(binaryName: string): Uint8Array {
  return Any.encode(packAny(Options, { binaryName })).finish();
}

function encodeAny(typeUrl: string, value: string): Uint8Array {
  return Any.encode({ typeUrl, value: Buffer.from(value, 'latin1') }).finish();
}

function deepList(): string {
  return `head -c 500000 /dev/zero | tr '\\0' '['`;
}
