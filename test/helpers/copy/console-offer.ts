/** Dials the console socket of a running command, as a runtime does or as a wrong dialer would. */
import { addon } from '../../../src/native/addon.js';
import { Console } from '../../../src/os/console.js';
import { check } from '../../../src/errors/errors.js';
import type { Testbed } from '../e2e/testbed.js';
import type { GroupLeader } from './process-group.js';
import { startOnTty } from './tty-process.js';

export interface Connection {
  /** One message: the bytes and, if there are any, the descriptors, which stay the caller's. */
  send(text: string, ...descriptors: number[]): void;
  /** Whether the other side has closed the connection. */
  isRefused(): boolean;
  /** Idempotent. */
  close(): void;
}

/** Closed at the end of the test. */
export function connectTo(testbed: Testbed, path: string): Connection {
  const socket = check(addon.socket_connect(path), 'connect', `dial ${path}`);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) addon.fd_close(socket);
    isOpen = false;
  };
  testbed.after(close);
  return {
    send: (text, ...descriptors) =>
      void check(addon.socket_send_fds(socket, Buffer.from(text), descriptors), 'sendmsg', 'send'),
    isRefused: () => (addon.fd_poll(socket) & pollHup) !== 0,
    close,
  };
}

const pollHup = 0x010;

/** Sends the console of a new terminal, on which the shell script runs. It is killed at the end of the test. */
export function offerConsole(testbed: Testbed, to: Connection, script: string, ...args: string[]): GroupLeader {
  const console = Console.open({ columns: 80, rows: 24 });
  const process = startOnTty(testbed, console.name, script, ...args);
  to.send(console.name, console.fd);
  console.close();
  return process;
}
