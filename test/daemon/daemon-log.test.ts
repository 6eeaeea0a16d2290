/**
 * The daemon logs to FIFOs whose reader, containerd, comes and goes. An open that waits would stop the daemon with all
 * its containers, and a descriptor that stays open would be one more for each line. The tests write lines with a
 * reader, without a reader, to a full FIFO and to a missing FIFO.
 */
import assert from 'node:assert/strict';
import { constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { createLog } from '../../src/daemon/daemon-log.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const time = 'time="\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z"';

function makeBundle(scope: Scope, name = 'bundle'): string {
  const bundle = join(temporaryDirectory(scope), name);
  mkdirSync(bundle);
  createFifo(join(bundle, 'log'));
  return bundle;
}

/** Opened as containerd opens it. */
function openReader(scope: Scope, bundle: string): { read(): string } {
  const fd = OwnedFd.open(join(bundle, 'log'), constants.O_RDWR | constants.O_NONBLOCK, 'the log of a test');
  scope.after(() => fd.close());
  return {
    read() {
      const bytes = Buffer.alloc(65_536);
      return bytes.toString('utf8', 0, Math.max(0, addon.fd_read(fd.fd, bytes)));
    },
  };
}

leakTest('a log line is logfmt, and quotes only values that need it', (scope) => {
  const bundle = makeBundle(scope);
  const reader = openReader(scope, bundle);
  const log = createLog({ debug: true });
  log.info(
    'task created',
    { id: 'c1', pid: 7, terminal: true, nothing: undefined, path: '/run/a b', empty: '' },
    bundle,
  );
  const fields = 'level=info msg="task created" id=c1 pid=7 terminal=true path="/run/a b" empty=""';
  assert.match(reader.read(), new RegExp(`^${time} ${fields}\n$`));
  log.warn('two\nlines "quoted"', {}, bundle);
  assert.match(reader.read(), / level=warning msg="two\\nlines \\"quoted\\""\n$/);
  log.error('gone', { error: 'no such file or directory (ENOENT)' }, bundle);
  assert.match(reader.read(), / level=error msg=gone error="no such file or directory \(ENOENT\)"\n$/);
  log.debug('d', {}, bundle);
  assert.match(reader.read(), / level=debug msg=d\n$/);
});

leakTest('without debug no debug lines are written', (scope) => {
  const bundle = makeBundle(scope);
  const reader = openReader(scope, bundle);
  createLog({ debug: false }).debug('d', {}, bundle);
  assert.equal(reader.read(), '');
});

leakTest(
  'a line goes to the log of its container, and a line without a container to the log that was used last',
  (scope) => {
    const [one, two] = [makeBundle(scope, 'one'), makeBundle(scope, 'two')];
    const [readerOne, readerTwo] = [openReader(scope, one), openReader(scope, two)];
    const log = createLog({ debug: false });
    log.info('lost');
    log.info('first', {}, one);
    log.info('second', {}, two);
    log.info('third');
    assert.match(readerOne.read(), /^[^\n]* msg=first\n$/);
    assert.match(readerTwo.read(), /^[^\n]* msg=second\n[^\n]* msg=third\n$/);
  },
);

leakTest('a line is dropped if nobody reads the log, or the FIFO or the bundle is missing', (scope) => {
  const log = createLog({ debug: false });
  const bundle = makeBundle(scope);
  log.info('unread', {}, bundle);
  log.info('nowhere', {}, `${bundle}/none`);
  const reader = openReader(scope, bundle);
  log.info('read', {}, bundle);
  assert.match(reader.read(), /^[^\n]* msg=read\n$/);
});

leakTest('a full FIFO takes whole lines or none', (scope) => {
  const bundle = makeBundle(scope);
  const reader = openReader(scope, bundle);
  const log = createLog({ debug: false });
  for (let i = 0; i < 1000; i++) log.info('x'.repeat(300), {}, bundle);
  const lines = reader.read().split('\n');
  assert.equal(lines.pop(), '');
  assert.ok(lines.length > 100 && lines.length < 1000);
  for (const line of lines) assert.match(line, /^time=.* msg=x{300}$/);
});

leakTest('a line that is too long for one write is cut', (scope) => {
  const bundle = makeBundle(scope);
  const reader = openReader(scope, bundle);
  createLog({ debug: false }).info('é'.repeat(5000), {}, bundle);
  const line = reader.read();
  assert.ok(line.length > 2000);
  assert.match(line, /^time=[^\n]*\n$/);
});
