/**
 * Users copy the examples in the doc comments first. Each example must compile with the types of the package, and run
 * to its end in a package that was installed from the npm tarball. An example that uses a name that is not exported, or
 * does not close something, fails here.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readExamples } from './helpers/package/declarations.js';
import { runToEnd } from './helpers/base/command.js';
import { installPackage, typeCheck } from './helpers/package/installed-package.js';

const examples = readExamples();
const directory = installPackage({ after });

/** What each prints. */
const printed: Readonly<Record<string, RegExp>> = {
  TermshimError: /^there is no FIFO at \/no\/such\/fifo\n$/,
  Console: /^\/dev\/pts\/\d+ has 100 columns\n$/,
  ConsoleSocket: /^the terminal is \/dev\/pts\/\d+\n$/,
  FifoWriter: /^$/,
  watchProcess: /^$/,
  copyConsole: /^hangup after 7 bytes\n$/,
  copyPipes: /^6 bytes\n$/,
  ociRuntime: /^process \d+ is running\n$/,
  defaultSpec: /^\/.*\/busybox runs \/bin\/sh\n$/,
  createContainer: /^ended with 0\n$/,
  attach: /^hello\nended\n$/,
  openLog: /^$/,
  readLog: /^2026-01-02T03:04:05\.000000006Z stdout: hello\n$/,
};

test('the main exports have an example, and each example is compiled', () => {
  assert.deepEqual([...examples.keys()].toSorted(), Object.keys(printed).toSorted());
  const files = [...examples].map(([name, code]) => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'example.mjs'), code);
    return `${name}/example.mjs`;
  });
  typeCheck(directory, files);
});

for (const name of examples.keys()) {
  test(`the example of ${name} runs, prints the documented output, and ends by itself`, async () => {
    const cwd = join(directory, name);
    mkdirSync(join(cwd, 'run'), { mode: 0o700 });
    const env = { ...process.env, XDG_RUNTIME_DIR: join(cwd, 'run') };
    const { status, stdout, stderr } = await runToEnd(['node', 'example.mjs'], { cwd, env, timeoutMs: 60_000 });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, printed[name] ?? /never/);
  });
}
