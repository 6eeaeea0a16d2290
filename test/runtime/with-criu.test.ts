/*
 * If a restore fails, the runtime says only that criu has failed; the reason is in criu's log. What could break: the
 * reason of another restore is reported, the caller waits for the log, an error that has nothing to do with criu is
 * changed, a mount stays after criu was killed, or is removed while another restore uses it. The tests write such logs,
 * and mount as criu does.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFifo } from '../../src/os/fifo.js';
import { TermshimError } from '../../src/errors/errors.js';
import { lastCriuWords, withCriu } from '../../src/runtime/with-criu.js';
import { missing } from '../helpers/base/requirement.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const broken = `(00.277) Found mmap_min_addr 0x10000
(00.278) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
(00.294) Error (criu/image.c:554): Head magic doesn't match for core-1.img
(00.295) Error (criu/cr-restore.c:517): Can't open core data for 1
(00.300) Error (criu/cr-restore.c:2331): Restoring FAILED.
(00.314) Error (criu/cgroup.c:2055): cg: cgroupd: recv req error: No such file or directory
`;

const table: [what: string, log: string, expected: string][] = [
  ['the last two before it gives up', broken, "Head magic doesn't match for core-1.img; Can't open core data for 1"],
  ['those of its other half', "(00.4) pie: 1: Error (criu/pie/restorer.c:1): Can't  read (-9)\n", "Can't read (-9)"],
  ['no more than that it gives up', '(00.3) Error (criu/cr-dump.c:1): Dumping FAILED.', 'Dumping FAILED.'],
  ['nothing where there is no error', 'Error: none\n(00.1) Warn  (criu/x.c:1): a warning', ''],
  ['no more than fits a line', `Error (x.c:1): ${'a'.repeat(1000)}`, `${'a'.repeat(300)}...`],
];

for (const [what, log, expected] of table) {
  test(`criu's reason is found: ${what}`, () => {
    assert.equal(lastCriuWords(log), expected);
  });
}

const failure = new TermshimError('ERR_RUNTIME_FAILED', 'runc restore failed: criu failed');

function failing(directory: string, prepare: (log: string) => void, error: Error = failure): Promise<void> {
  return withCriu({ workPath: directory, log: 'restore.log' }, () => {
    prepare(join(directory, 'restore.log'));
    return Promise.reject(error);
  });
}

test('an error has the reason that criu wrote during the call, and names its log', async (t) => {
  const directory = temporaryDirectory(t);
  const message = `runc restore failed: criu failed; criu said: Can't (${directory}/restore.log)`;
  const write = (log: string): void => writeFileSync(log, "(00.1) Error (x.c:1): Can't");
  await assert.rejects(failing(directory, write), { code: 'ERR_RUNTIME_FAILED', message });
});

test('an error is unchanged if criu was not involved, or wrote no reason', async (t) => {
  const write = (log: string): void => writeFileSync(log, 'Error (x.c:1): old');
  const prepared: [prepare: (log: string) => void, error: Error][] = [
    [() => {}, failure],
    [(log) => createFifo(log), failure],
    [(log) => writeFileSync(log, 'nothing'), failure],
    [write, new TermshimError('ERR_RUNTIME_NOT_FOUND', 'gone')],
    [write, new Error('called off')],
    [
      (log) => {
        write(log);
        utimesSync(log, 1, 1);
      },
      failure,
    ],
  ];
  for (const [prepare, error] of prepared) await assert.rejects(failing(temporaryDirectory(t), prepare, error), error);
  await assert.rejects(
    withCriu({ workPath: undefined, log: 'dump.log' }, () => Promise.reject(failure)),
    failure,
  );
});

/** As criu has them: a tmpfs, with a mount for each hierarchy in it. */
function makeYard(directory: string, name: string): string {
  const yard = join(directory, `.criu.cgyard.${name}`);
  for (const path of [yard, join(yard, 'pids')]) {
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', 'none', path]);
  }
  return yard;
}

test('the mounts of criu are removed when the last caller that uses the directory fails', {
  skip: missing('root'),
}, async (t) => {
  const directory = temporaryDirectory(t);
  const kept = join(directory, '.criu.kept');
  mkdirSync(kept);
  const link = join(temporaryDirectory(t), 'work');
  symlinkSync(directory, link);
  const yards = [makeYard(directory, 'a'), makeYard(directory, 'b')];
  const reason = new Error('called off');
  let failOther = (): void => {};
  const other = withCriu(
    { workPath: link, log: 'dump.log' },
    () => new Promise((_, reject) => (failOther = () => reject(reason))),
  );
  await assert.rejects(
    failing(link, () => {}, reason),
    reason,
  );
  assert.deepEqual(
    yards.filter((it) => existsSync(it)),
    yards,
  );
  failOther();
  await assert.rejects(other, reason);
  assert.deepEqual(readdirSync(directory), ['.criu.kept']);
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(directory));
});
