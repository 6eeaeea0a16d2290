/** The receiving side of a console socket, for tests of programs that send a console. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/errors/errors.js';
import { waitFor } from '../helpers/base/wait-for.js';

const eagain = 11;

export interface ConsoleReceiver {
  path: string;
  /** Accepts one connection and receives its console. The descriptor is closed after the test. */
  receive(): Promise<ReceivedConsole>;
}

export interface ReceivedConsole {
  fd: number;
  /** The bytes that came with the descriptor. */
  label: string;
  /** All output so far. */
  output(): string;
  waitForOutput(expected: string): Promise<void>;
  type(text: string): void;
  /** `columns`x`rows`. */
  size(): string;
}

/** Listens on `<directory>/<name>` until the test ends. */
export function listenForConsole(test: TestContext, directory: string, name = 'pty.sock'): ConsoleReceiver {
  const path = join(directory, name);
  const listener = check(addon.socket_listen(path, 0o600), 'bind', `listen on ${path}`);
  test.after(() => {
    addon.fd_close(listener);
    rmSync(path, { force: true });
  });
  const accept = (): number | undefined => {
    const socket = addon.socket_accept(listener);
    return socket === -eagain ? undefined : check(socket, 'accept', `accept on ${path}`);
  };
  return {
    path,
    async receive() {
      const socket = await waitFor(accept, 'a connection to the console socket');
      const data = Buffer.alloc(4096);
      const receive = (): number | undefined => {
        const fd = addon.socket_receive_fd(socket, data);
        return fd === -eagain ? undefined : check(fd, 'recvmsg', 'receive the console');
      };
      const fd = await waitFor(receive, 'the console');
      addon.fd_close(socket);
      test.after(() => addon.fd_close(fd));
      return receivedConsole(fd, data.toString('utf8', 0, data.indexOf(0)));
    },
  };
}

function receivedConsole(fd: number, label: string): ReceivedConsole {
  check(addon.fd_set_nonblocking(fd, true), 'fcntl', 'set the console non-blocking');
  let seen = '';
  const output = (): string => {
    const block = Buffer.alloc(4096);
    for (let length = 1; length > 0; ) {
      length = addon.fd_read(fd, block);
      if (length > 0) seen += block.toString('utf8', 0, length);
    }
    return seen;
  };
  return {
    fd,
    label,
    output,
    async waitForOutput(expected) {
      await waitFor(() => output().includes(expected), `the output ${JSON.stringify(expected)}`).catch(() => {});
      assert.ok(output().includes(expected), `${JSON.stringify(expected)} is not in ${JSON.stringify(output())}`);
    },
    type(text) {
      assert.equal(addon.fd_write(fd, Buffer.from(text)), text.length);
    },
    size() {
      const size = check(addon.tty_get_size(fd), 'ioctl', 'ask for the size');
      return `${size >>> 16}x${size & 0xffff}`;
    },
  };
}
