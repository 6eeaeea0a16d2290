/** containerd and people ask a shim who it is, and read the answer from stdout alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RuntimeInfo } from '../../src/ttrpc/gen/containerd/types.js';
import { shimEnvironment, shimPath } from '../helpers/shim.js';

const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
const { version } = JSON.parse(manifest) as { version: string };

test('-v says the version', () => {
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

test('-info is a RuntimeInfo, whatever comes on stdin', () => {
  const { stdout, stderr, status } = spawnSync(shimPath, ['-info'], { input: 'options', env: shimEnvironment });
  assert.deepEqual({ stderr: String(stderr), status }, { stderr: '', status: 0 });
  const info = RuntimeInfo.decode(stdout);
  assert.equal(info.name, 'io.containerd.termshim.v2');
  assert.equal(info.version?.version, version);
});
