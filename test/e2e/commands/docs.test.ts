/**
 * Users copy the configuration in docs/ and README.md. What could break: the program that a block is meant for refuses
 * it, or understands it differently. The test gives each block to its program, in private files.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { packageRoot } from '../../../src/package.js';
import { runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

interface Block {
  /** The file and the line where it begins. */
  place: string;
  /** What stands behind the fence; empty for commands. */
  language: string;
  text: string;
}

function blocks(): Block[] {
  const files = ['README.md', ...readdirSync(join(packageRoot, 'docs')).map((name) => `docs/${name}`)];
  return files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => {
      const text = readFileSync(join(packageRoot, file), 'utf8');
      return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', body = ''], index) => ({
        place: `${file}, block ${index + 1}`,
        language,
        text: body,
      }));
    });
}

const of = (language: string): Block[] => blocks().filter((block) => block.language === language);

test('the documents have examples of each kind', () => {
  assert.ok(of('toml').length >= 2 && of('json').length >= 1 && of('').length >= 5);
});

for (const { place, text } of of('toml')) {
  test(`${place}: containerd reads the configuration as it is meant`, { skip: missing('containerd') }, async (t) => {
    const { version } = parse(text) as { version?: number };
    const own = /containerd (?:github\S+ )?v?(\d+)\./.exec((await runToEnd(['containerd', '--version'])).stdout)?.[1];
    const config = join(temporaryDirectory(t), 'config.toml');
    writeFileSync(config, text);
    const { stdout, stderr, status } = await runToEnd(['containerd', '--config', config, 'config', 'dump']);
    assert.equal(status, 0, stderr);
    // One before 2.0 passes over the tables of version 3: `make newer` has one that reads them.
    const read = version === 3 && Number(own) < 2 ? text : stdout;
    const dumped = parse(read) as {
      plugins: Record<string, { containerd?: { runtimes?: Record<string, unknown> } }>;
    };
    const runtime = Object.values(dumped.plugins).flatMap(
      (plugin) => plugin.containerd?.runtimes?.['termshim'] ?? [],
    )[0];
    const { runtime_type, runtime_path, options } = runtime as Record<string, unknown>;
    assert.deepEqual(
      [runtime_type, runtime_path, (options as Record<string, unknown>)['SystemdCgroup']],
      ['io.containerd.runc.v2', '/usr/local/bin/containerd-shim-termshim-v2', true],
    );
  });
}

for (const { place, text } of of('json')) {
  test(`${place}: dockerd accepts the configuration, if it knows shims by name`, {
    skip: missing('docker'),
  }, async (t) => {
    assert.deepEqual(Object.keys(JSON.parse(text) as object), ['runtimes']);
    const config = join(temporaryDirectory(t), 'daemon.json');
    writeFileSync(config, text);
    const { stdout } = await runToEnd(['dockerd', '--help']);
    // It came with 23.0, as the names did.
    if (!stdout.includes('--validate')) return;
    const { stderr, status } = await runToEnd(['dockerd', '--validate', '--config-file', config]);
    assert.deepEqual([status, /configuration OK/.test(stderr)], [0, true], stderr);
  });
}

// The others are drawings.
for (const { place, text } of of('').filter((block) => block.place.startsWith('docs/shim.md'))) {
  test(`${place}: a shell reads the commands`, async () => {
    const isSession = /^\$ /m.test(text);
    const script = isSession
      ? text
          .split('\n')
          .flatMap((line) => /^\$ (.*)/.exec(line)?.[1] ?? [])
          .join('\n')
      : text;
    const { stderr, status } = await runToEnd(['bash', '-n'], { input: script });
    assert.deepEqual([status, stderr], [0, '']);
  });
}
