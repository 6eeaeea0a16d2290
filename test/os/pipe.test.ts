/*
 * The two ends of a pipe have different needs: termshim's end must never block the thread, and the end of the process
 * must block, because programs that do not expect EAGAIN lose output. Each end has its own flag. If the creation fails,
 * neither end may stay open.
 */
import assert from 'node:assert/strict';
import { constants, fstatSync } from 'node:fs';
import { describe } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { type Pipe, type PipeOptions, createPipe } from '../../src/os/pipe.js';
import { fdFlags } from '../helpers/base/descriptors.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { missing } from '../helpers/base/requirement.js';

const { O_NONBLOCK, O_WRONLY } = constants;
const O_ACCMODE = 3;

function open(scope: Scope, options: PipeOptions): Pipe {
  const pipe = createPipe(options);
  scope.after(() => {
    pipe.ours.close();
    pipe.theirs.close();
  });
  return pipe;
}

for (const ours of ['reader', 'writer'] as const) {
  leakTest(`the ${ours} end of a pipe does not block, and the other end does`, (scope) => {
    const pipe = open(scope, { ours, name: 'a test' });
    const [mine, other] = [fdFlags(pipe.ours.fd), fdFlags(pipe.theirs.fd)];
    assert.deepEqual([mine & O_NONBLOCK, other & O_NONBLOCK], [O_NONBLOCK, 0]);
    assert.deepEqual([mine & O_ACCMODE, other & O_ACCMODE], ours === 'reader' ? [0, O_WRONLY] : [O_WRONLY, 0]);
  });
}

leakTest('the reader of a pipe gets the bytes of the writer', (scope) => {
  const { ours, theirs } = open(scope, { ours: 'reader', name: 'a test' });
  const into = Buffer.alloc(8);
  assert.ok(addon.fd_read(ours.fd, into) < 0);
  assert.equal(addon.fd_write(theirs.fd, Buffer.from('hello')), 5);
  assert.equal(addon.fd_read(ours.fd, into), 5);
  theirs.close();
  assert.equal(addon.fd_read(ours.fd, into), 0);
});

describe('the owner', () => {
  leakTest('the owner of a pipe is this user by default', (scope) => {
    const { ours } = open(scope, { ours: 'reader', name: 'a test' });
    assert.equal(fstatSync(ours.fd).uid, process.geteuid?.());
  });

  leakTest(
    'the owner of a pipe may be another user',
    (scope) => {
      const { ours, theirs } = open(scope, { ours: 'writer', name: 'a test', owner: { uid: 12, gid: 34 } });
      for (const { fd } of [ours, theirs]) {
        const { uid, gid } = fstatSync(fd);
        assert.deepEqual({ uid, gid }, { uid: 12, gid: 34 });
      }
    },
    { skip: missing('root') },
  );

  leakTest('if the owner of a pipe cannot be set, both ends are closed', () => {
    const owner = { uid: -2, gid: 0 };
    assert.throws(() => createPipe({ ours: 'reader', name: 'stdout', owner }), {
      code: 'ERR_SYSTEM',
      message: /^cannot change the owner of the pipe for stdout to -2:0: /,
    });
  });
});
