/** Dials a console socket as a runtime does, or as one that is wrong would. */
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/os/errors.js';
import type { Stage } from './stage.js';

export interface Dialer {
  /** One message: the bytes and, if there are any, the descriptors, which stay the caller's. */
  send(text: string, ...descriptors: number[]): void;
  /** Whether the other side has closed the connection. */
  isRefused(): boolean;
  /** Idempotent. */
  hangUp(): void;
}

/** Connects; hangs up at the end of the test. */
export function dial(stage: Stage, path: string): Dialer {
  const socket = check(addon.socket_connect(path), 'connect', `dial ${path}`);
  let isOpen = true;
  const hangUp = (): void => {
    if (isOpen) addon.fd_close(socket);
    isOpen = false;
  };
  stage.onEnd(hangUp);
  return {
    send: (text, ...descriptors) =>
      void check(addon.socket_send_fds(socket, Buffer.from(text), descriptors), 'sendmsg', 'send'),
    isRefused: () => (addon.fd_poll(socket) & pollHup) !== 0,
    hangUp,
  };
}

const pollHup = 0x010;
