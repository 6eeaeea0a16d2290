/*
 * `termshim logs` reads the logs of real containers while they write. The log is rotated and compressed while the
 * command reads it, and the command must end when the container has ended, but not before the last line. The last test
 * compares a log that Docker has written and rotated with the output of `docker logs`.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { startDocker } from '../../helpers/shim/docker.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runCommand, runtimeNames, termshimCommand } from '../../helpers/runtime/run-command.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';

function termshim(testbed: Testbed, ...args: string[]): Promise<CommandResult> {
  return runToEnd(termshimCommand(...args), { env: testbed.env, timeoutMs: 60_000 });
}

/** In steps, so that there is something to follow. */
const counting = 'n=1; while [ $n -lt 100000 ]; do seq $n $((n + 9999)); n=$((n + 10000)); sleep 0.1; done';

function numbers(first: number): string {
  return Array.from({ length: 100_001 - first }, (_, index) => `${first + index}\n`).join('');
}

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  const options = { skip, timeout: 120_000 };

  test(
    `${runtime}: logs --follow shows a log through its rotations to the end of the container`,
    options,
    async (t) => {
      const testbed = openTestbed(t);
      const [id, path] = [testbed.newId(), testbed.path('web.log')];
      const flags = ['-d', '--log', `json-file://${path}?max-size=500k&max-file=100&compress=true`];
      const command = ['sh', '-c', `${counting}; echo wrong >&2; printf "no line end"; exit 3`];
      assert.equal(
        (await runToEnd(runCommand(runtime, testbed, { id, flags, command }), { env: testbed.env })).status,
        0,
      );
      const shown = { stdout: `${numbers(1)}no line end`, stderr: 'wrong\n', status: 0 };
      assert.deepEqual(await termshim(testbed, 'logs', '--follow', id), shown);
      assert.ok(
        readdirSync(testbed.directory).filter((name) => name.startsWith('web.log.')).length > 10,
        'never rotated',
      );
      assert.deepEqual(await termshim(testbed, 'logs', id), shown);
      const last = { ...shown, stdout: '99999\n100000\nno line end' };
      assert.deepEqual(await termshim(testbed, 'logs', '--tail', '4', id), last);
      assert.equal((await termshim(testbed, 'delete', id)).status, 0);
      assert.deepEqual(await termshim(testbed, 'logs', '--tail', '4', path), last);
    },
  );

  test(`${runtime}: the log of a terminal has the output that the terminal showed`, options, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    const flags = ['-dt', '--log', `cri://${testbed.path('tty.log')}`];
    const command = ['sh', '-c', 'printf "\\033[1mbold\\n"; echo to stderr >&2; sleep 0.2; echo end'];
    assert.equal(
      (await runToEnd(runCommand(runtime, testbed, { id, flags, command }), { env: testbed.env })).status,
      0,
    );
    const { stdout, stderr, status } = await termshim(testbed, 'logs', '-f', id);
    assert.deepEqual([stdout, stderr, status], ['\x1b[1mbold\r\nto stderr\r\nend\r\n', '', 0]);
    assert.equal((await termshim(testbed, 'delete', id)).status, 0);
  });
}

const skip = missing('root', 'busybox', 'runc', 'containerd', 'docker');

test('logs shows a log of Docker as Docker does', { skip, timeout: 120_000 }, async (t) => {
  const testbed = openTestbed(t);
  const { ask, docker, image } = await startDocker(testbed, shimPath);
  const options = ['max-size=200k', 'max-file=100', 'compress=true'].flatMap((it) => ['--log-opt', it]);
  const long = 'head -c 100000 /dev/zero | tr "\\0" x; echo';
  // Docker reads the two streams independently, so an entry of stderr may stand a little before or after its time.
  await ask('run', '-d', '--name', 'box', ...options, image, 'sh', '-c', `echo wrong >&2; ${counting}; ${long}`);
  const path = await ask('inspect', '--format', '{{.LogPath}}', 'box');
  assert.equal(await ask('wait', 'box'), '0');
  const expected = await docker(['logs', 'box']);
  assert.equal(expected.stdout, `${numbers(1)}${'x'.repeat(100_000)}\n`);
  assert.deepEqual(await termshim(testbed, 'logs', path), expected);
  assert.equal((await termshim(testbed, 'logs', '--tail', '2', path)).stdout, `100000\n${'x'.repeat(100_000)}\n`);
  await ask('rm', 'box');
});
