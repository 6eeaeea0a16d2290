import { addon } from '../../../native/addon.js';
import { check, TermshimError } from '../../../errors/errors.js';
import { OwnedFd } from '../../../os/owned-fd.js';

/**
 * Sends a pty master over a console socket as runc does: one message with the name of the slave and one descriptor.
 * Takes over the console and closes it.
 */
export function sendConsole(socketPath: string, console: OwnedFd): void {
  const socket = connect(socketPath);
  try {
    // A receiver may expect a pty master in blocking mode, as runc sends it. The mode goes with the descriptor.
    addon.fd_set_nonblocking(console.fd, false);
    const name = Buffer.from(`/dev/pts/${addon.tty_pts_number(console.fd)}`);
    check(addon.socket_send_fds(socket.fd, name, [console.fd]), 'sendmsg', `send the console to ${socketPath}`);
  } finally {
    socket.close();
    console.close();
  }
}

function connect(path: string): OwnedFd {
  const name = `the console socket ${path}`;
  const socket = addon.socket_connect(path);
  if (socket !== -enametoolong) return new OwnedFd(check(socket, 'connect', `connect to ${name}`), name);
  const message = `the path of the console socket is longer than 107 bytes: ${path}`;
  throw new TermshimError('ERR_SOCKET_PATH_TOO_LONG', message, { syscall: 'connect', errno: 'ENAMETOOLONG' });
}

const enametoolong = 36;
