/**
 * Programs that people put in front of runc look for options where go-runc puts them, so the order counts. A runtime
 * accepts an unintended option as silently as an intended one, so the tests pass each option alone and leave it out. No
 * relative path may depend on the directory in which the runtime runs.
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import {
  checkpointArguments,
  createArguments,
  deleteArguments,
  execArguments,
  globalArguments,
  killArguments,
  restoreArguments,
  updateArguments,
} from '../../src/runtime/runtime-arguments.js';

const table: [what: string, built: string[], expected: string[]][] = [
  ['no globals', globalArguments({}, '/l'), ['--log', '/l', '--log-format', 'json']],
  [
    'all globals',
    globalArguments({ root: '/r', systemdCgroup: true }, '/l'),
    ['--root', '/r', '--log', '/l', '--log-format', 'json', '--systemd-cgroup'],
  ],
  ['an absolute root', globalArguments({ root: 'r' }, '/l').slice(0, 2), ['--root', resolve('r')]],
  ['cgroups without systemd', globalArguments({ systemdCgroup: false }, '/l').slice(4), []],
  ['a plain create', createArguments('c', { bundle: '/b' }), ['--bundle', '/b', 'c']],
  ['an absolute bundle', createArguments('c', { bundle: 'b' }), ['--bundle', resolve('b'), 'c']],
  [
    'a full create',
    createArguments('c', { bundle: '/b', consoleSocket: '/s', pidFile: '/p', noPivot: true, noNewKeyring: true }),
    ['--bundle', '/b', '--pid-file', '/p', '--console-socket', '/s', '--no-pivot', '--no-new-keyring', 'c'],
  ],
  ['a plain exec', execArguments('c', { processFile: '/j' }), ['--process', '/j', 'c']],
  [
    'a full exec',
    execArguments('c', { processFile: '/j', consoleSocket: '/s', pidFile: '/p', detach: true }),
    ['--process', '/j', '--console-socket', '/s', '--detach', '--pid-file', '/p', 'c'],
  ],
  [
    'absolute paths of an exec',
    execArguments('c', { processFile: 'j', consoleSocket: 's', pidFile: 'p' }),
    ['--process', resolve('j'), '--console-socket', resolve('s'), '--pid-file', resolve('p'), 'c'],
  ],
  ['a plain checkpoint', checkpointArguments('c', { imagePath: '/i' }), ['--image-path', '/i', 'c']],
  [
    'a full checkpoint',
    checkpointArguments('c', {
      imagePath: '/i',
      workPath: '/w',
      parentPath: '/p',
      openTcp: true,
      externalUnixSockets: true,
      shellJob: true,
      fileLocks: true,
      cgroupsMode: 'soft',
      emptyNamespaces: ['network', 'ipc'],
      leaveRunning: true,
    }),
    (
      '--image-path /i --work-path /w --parent-path /p --tcp-established --ext-unix-sk --shell-job --file-locks ' +
      '--manage-cgroups-mode soft --empty-ns network --empty-ns ipc --leave-running c'
    ).split(' '),
  ],
  [
    'a restore',
    restoreArguments('c', { bundle: '/b', imagePath: '/i', workPath: '/w', consoleSocket: '/s', pidFile: '/f' }),
    '--image-path /i --work-path /w --detach --pid-file /f --console-socket /s --bundle /b c'.split(' '),
  ],
  ['update', updateArguments('c'), ['--resources=-', 'c']],
  ['kill by name', killArguments('c', 'SIGTERM', undefined), ['c', 'SIGTERM']],
  ['kill by number, all', killArguments('c', 9, true), ['--all', 'c', '9']],
  ['delete', deleteArguments('c', false), ['c']],
  ['forced delete', deleteArguments('c', true), ['--force', 'c']],
];

for (const [what, built, expected] of table)
  test(`the arguments of ${what} are complete and in the order of go-runc`, () => assert.deepEqual(built, expected));
