/** Both sides of a console socket: a listener, and a dialer in the place of a runtime. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import type { Console } from '../../../src/os/console.js';
import { ConsoleSocket, type ReceiveOptions } from '../../../src/os/console-socket.js';
import type { TermshimError } from '../../../src/errors/errors.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';
import { within } from '../base/wait-for.js';

/** For the rest of the test, $XDG_RUNTIME_DIR is a directory of its own, or the one given. */
export function useRuntimeDirectory(scope: Scope, path = temporaryDirectory(scope)): string {
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = path;
  scope.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  return path;
}

/** Closed after the test, when nothing of it may be left; without a path it listens in a temporary directory. */
export function listen(scope: Scope, path?: string): ConsoleSocket {
  if (path === undefined) useRuntimeDirectory(scope);
  const socket = ConsoleSocket.listen(path);
  scope.after(() => {
    socket.close();
    assert.equal(existsSync(path ?? dirname(socket.path)), false);
  });
  return socket;
}

export interface Dialer {
  send(data: Uint8Array | string, fds: readonly number[]): void;
  leave(): void;
}

/** It holds its end of the connection until it leaves, or the test is over. */
export function dial(scope: Scope, socket: ConsoleSocket): Dialer {
  const dialer = new OwnedFd(addon.socket_connect(socket.path), 'the dialer of a test');
  scope.after(() => dialer.close());
  return {
    send(data, fds) {
      const bytes = Buffer.from(data);
      assert.equal(addon.socket_send_fds(dialer.fd, bytes, fds), bytes.length);
    },
    leave: () => dialer.close(),
  };
}

/** A pty master to send. */
export function openMaster(scope: Scope): number {
  const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
  scope.after(() => master.close());
  return master.fd;
}

/** The console is closed after the test. */
export async function receive(scope: Scope, socket: ConsoleSocket, options: ReceiveOptions = {}): Promise<Console> {
  const console = await within(socket.receive({ timeoutMs: 5000, ...options }), 'a console');
  scope.after(() => console.close());
  return console;
}

/** For `assert.rejects` and `assert.throws`. */
export function isError(code: string, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    const { code: got, message } = error as TermshimError;
    assert.equal(got, code);
    assert.match(message, words);
    return true;
  };
}
