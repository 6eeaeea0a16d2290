/** Accepts connections at a unix socket, and closes those of other users. */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

/**
 * Yields the connections that wait at a non-blocking listener; the caller owns each. Only root and this process's user
 * are trusted: another user's connection is closed at once.
 *
 * @param path the socket's name in messages, such as `the console socket`
 */
export function* acceptTrusted(listener: number, path: string): Generator<OwnedFd, void, void> {
  for (;;) {
    const accepted = addon.socket_accept(listener);
    if (accepted === -constants.errno.EAGAIN) return;
    const dialer = new OwnedFd(check(accepted, 'accept4', `accept at ${path}`), `a dialer of ${path}`);
    if (isTrusted(dialer.fd)) yield dialer;
    else dialer.close();
  }
}

function isTrusted(dialer: number): boolean {
  const uid = addon.socket_peer_uid(dialer);
  return uid === 0 || uid === process.getuid?.();
}
