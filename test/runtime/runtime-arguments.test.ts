/**
 * A runtime takes an option that it was not meant to get as silently as one that it was: each option is tried alone and
 * absent, and relative bundle paths must not depend on the runtime's working directory.
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import {
  createArguments,
  deleteArguments,
  execArguments,
  globalArguments,
  killArguments,
} from '../../src/runtime/runtime-arguments.js';

const table: [what: string, built: string[], expected: string[]][] = [
  ['no globals', globalArguments({}), []],
  ['all globals', globalArguments({ root: '/r', systemdCgroup: true }), ['--root', '/r', '--systemd-cgroup']],
  ['cgroups without systemd', globalArguments({ systemdCgroup: false }), []],
  ['a plain create', createArguments('c', { bundle: '/b' }), ['--bundle', '/b', 'c']],
  ['an absolute bundle', createArguments('c', { bundle: 'b' }), ['--bundle', resolve('b'), 'c']],
  [
    'a full create',
    createArguments('c', { bundle: '/b', consoleSocket: '/s', pidFile: '/p', noPivot: true }),
    ['--bundle', '/b', '--console-socket', '/s', '--pid-file', '/p', '--no-pivot', 'c'],
  ],
  ['a plain exec', execArguments('c', { processFile: '/j' }), ['--process', '/j', 'c']],
  [
    'a full exec',
    execArguments('c', { processFile: '/j', consoleSocket: '/s', pidFile: '/p', detach: true }),
    ['--process', '/j', '--console-socket', '/s', '--pid-file', '/p', '--detach', 'c'],
  ],
  ['kill by name', killArguments('c', 'SIGTERM', undefined), ['c', 'SIGTERM']],
  ['kill by number, all', killArguments('c', 9, true), ['--all', 'c', '9']],
  ['delete', deleteArguments('c', false), ['c']],
  ['forced delete', deleteArguments('c', true), ['--force', 'c']],
];

for (const [what, built, expected] of table) test(`builds ${what}`, () => assert.deepEqual(built, expected));
