/*
 * If a descriptor is closed twice, the second close hits a descriptor of somebody else, and so does a use after the
 * close. The object that owns a descriptor must refuse both, and must name the descriptor.
 */
import assert from 'node:assert/strict';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { O_CLOEXEC, fdFlags } from '../helpers/base/descriptors.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_NONBLOCK } = constants;

describe('OwnedFd', () => {
  leakTest('closes once, and may be closed again', () => {
    const owned = OwnedFd.open('/dev/null', O_RDONLY, 'nothing');
    assert.ok(owned.isOpen);
    assert.ok(fdFlags(owned.fd) & O_CLOEXEC);
    const { fd } = owned;
    owned.close();
    assert.equal(owned.isOpen, false);
    const stranger = openSync('/dev/null', 'r');
    assert.equal(stranger, fd);
    owned.close();
    fstatSync(stranger);
    closeSync(stranger);
  });

  leakTest('releases the descriptor open, once', () => {
    const owned = OwnedFd.open('/dev/null', O_RDONLY, 'the void');
    const fd = owned.release();
    assert.equal(owned.isOpen, false);
    owned.close();
    fstatSync(fd);
    assert.throws(() => owned.release(), { code: 'ERR_SYSTEM', message: 'the void is closed' });
    closeSync(fd);
  });

  leakTest('throws an error with its name if the fd of a closed one is read', () => {
    const owned = OwnedFd.open('/dev/null', O_RDONLY, 'the stdin FIFO /run/in');
    owned.close();
    const expected = { name: 'TermshimError', code: 'ERR_SYSTEM', errno: 'EBADF' };
    assert.throws(() => owned.fd, { ...expected, message: /the stdin FIFO \/run\/in/ });
  });

  leakTest('fails to open with the path and the kernel’s message', (scope) => {
    const path = join(temporaryDirectory(scope), 'none');
    assert.throws(() => OwnedFd.open(path, O_RDONLY, `the FIFO ${path}`), {
      name: 'TermshimError',
      code: 'ERR_SYSTEM',
      syscall: 'open',
      errno: 'ENOENT',
      message: `cannot open the FIFO ${path}: no such file or directory (ENOENT)`,
    });
  });

  leakTest('returns undefined from tryOpen for the expected errno and throws for others', (scope) => {
    const path = join(temporaryDirectory(scope), 'file');
    assert.equal(OwnedFd.tryOpen(path, O_RDONLY, path, os.errno.ENOENT), undefined);
    assert.throws(() => OwnedFd.tryOpen(path, O_RDONLY, path, os.errno.ENXIO), { errno: 'ENOENT' });
    OwnedFd.tryOpen(path, O_WRONLY | O_CREAT | O_NONBLOCK, path, os.errno.ENXIO)?.close();
  });
});
