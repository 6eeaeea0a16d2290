/**
 * The protocol of every peer: `peer SOCKET` listens there and says `ready`. Each connection is one console: it brings
 * the pty master (SCM_RIGHTS) and `STDIN_FIFO\nSTDOUT_FIFO\n`, and is answered with one byte when the copy has ended.
 */
import { addon } from '../../src/native/addon.js';
import { EPOLLIN, watch } from '../../src/os/epoll.js';
import { check } from '../../src/errors/errors.js';

export interface Handover {
  /** Blocking, as runtimes send it. */
  master: number;
  stdinPath: string;
  stdoutPath: string;
}

/** Copies one console to its end; resolves when everything of it is closed. Owns the master. */
export type Copy = (handover: Handover) => Promise<void>;

/** Serves until killed. */
export function serve(copy: Copy): void {
  const listener = check(addon.socket_listen(process.argv[2] ?? '', 0o600), 'bind', 'listen');
  watch(listener, EPOLLIN, () => {
    for (;;) {
      const connection = addon.socket_accept(listener);
      if (connection < 0) return;
      awaitHandover(connection, copy);
    }
  });
  process.stdout.write('ready\n');
}

/** One for all: what a message says is taken out in the same turn. */
const data = Buffer.alloc(8192);

function awaitHandover(connection: number, copy: Copy): void {
  const watching = watch(connection, EPOLLIN, () => {
    watching?.close();
    const master = check(addon.socket_receive_fd(connection, data), 'recvmsg', 'receive a console');
    const [stdinPath = '', stdoutPath = ''] = data.toString('utf8', 0, data.indexOf(0)).split('\n');
    void copyAndAnswer({ master, stdinPath, stdoutPath }, connection, copy);
  });
}

async function copyAndAnswer(handover: Handover, connection: number, copy: Copy): Promise<void> {
  await copy(handover);
  addon.fd_write(connection, Buffer.from('\n'));
  addon.fd_close(connection);
}
