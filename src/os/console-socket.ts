/**
 * The socket at which an OCI runtime delivers a console (`--console-socket`): the runtime connects, and sends the pty
 * master with SCM_RIGHTS beside some text. See "terminals" in runc's documentation.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { acceptTrusted } from './accept.js';
import { atExit } from '../async/at-exit.js';
import { Console } from './console.js';
import { EPOLLIN, type Watch, watch } from './epoll.js';
import { TermshimError, check, systemError } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';
import { type PrivateDirectory, createPrivateDirectory } from './file/private-directory.js';
import { assertSocketPath } from './socket-path.js';

const { EAGAIN, EADDRINUSE, ENODATA, EBADMSG, E2BIG, EMSGSIZE, ECONNRESET } = constants.errno;

/** Why `socket_receive_fd` refused a message, by its answer. It has closed the descriptors of that message. */
const faults: Readonly<Record<number, string>> = {
  [-ENODATA]: 'the connection was closed without sending a descriptor',
  [-ECONNRESET]: 'the connection was closed without sending a descriptor',
  [-EBADMSG]: 'the message has no descriptor',
  [-E2BIG]: 'the message has more than one descriptor',
  [-EMSGSIZE]: 'the descriptor was lost, because this process has too many open',
};

/** How long to wait for a console. */
export interface ReceiveOptions {
  /** In milliseconds. The default is 10,000; 0 waits without a limit. */
  timeoutMs?: number;
  /** Cancels the wait; the call fails with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The socket at which an OCI runtime delivers a console (`--console-socket`). It owns the socket file, and the
 * temporary directory if it made one; `close` removes both.
 *
 * @example
 * ```js
 * import { ConsoleSocket, findRuntime, ociRuntime, writeBundle } from 'termshim';
 *
 * await writeBundle('bundle', { ociVersion: '1.0.2', process: { terminal: true, args: ['/bin/sh'], cwd: '/' } });
 * const runtime = ociRuntime(findRuntime('pty'));
 * const socket = ConsoleSocket.listen();
 * const [console] = await Promise.all([
 *   socket.receive({ timeoutMs: 5000 }),
 *   runtime.create('shell', { bundle: 'bundle', consoleSocket: socket.path }),
 * ]);
 * socket.close();
 * process.stdout.write(`the terminal is ${console.name}\n`);
 * console.close();
 * await runtime.delete('shell', { force: true });
 * ```
 */
export class ConsoleSocket {
  readonly path: string;
  readonly #listener: OwnedFd;
  readonly #directory: PrivateDirectory | undefined;
  readonly #forgetAtExit: () => void;
  readonly #closing = new AbortController();
  /** Connections on which no message came yet. */
  readonly #dialers = new Set<OwnedFd>();

  private constructor(path: string, listener: OwnedFd, directory: PrivateDirectory | undefined) {
    this.path = path;
    this.#listener = listener;
    this.#directory = directory;
    this.#forgetAtExit = atExit(() => this.#removeFile());
  }

  /**
   * Listens at `path`, or at a socket in a temporary directory of mode 0700. The socket has mode 0600. Throws
   * ERR_SOCKET_IN_USE if there is a file at `path`, ERR_SOCKET_PATH_TOO_LONG, ERR_SYSTEM.
   */
  static listen(path?: string): ConsoleSocket {
    if (path !== undefined) return new ConsoleSocket(path, listenAt(path), undefined);
    const directory = createPrivateDirectory('pty');
    const temporaryPath = join(directory.path, 'pty.sock');
    try {
      return new ConsoleSocket(temporaryPath, listenAt(temporaryPath), directory);
    } catch (error) {
      directory.remove();
      throw error;
    }
  }

  /**
   * Waits for one console, which the caller owns. Connections of other users are refused, except those of root. If
   * several programs are connected, this takes the console of the first that sends, and keeps the others for the next
   * call. The socket keeps listening.
   *
   * Fails with ERR_CONSOLE_TIMEOUT, ERR_CONSOLE_MESSAGE, ERR_NOT_A_CONSOLE, ERR_CONSOLE_CLOSED or the signal's reason.
   */
  receive({ timeoutMs = 10_000, signal: outer }: ReceiveOptions = {}): Promise<Console> {
    const closed = this.#closing.signal;
    const signal = outer === undefined ? closed : AbortSignal.any([outer, closed]);
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const watches: (Watch | undefined)[] = [];
      const settle = (deliver: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        for (const watching of watches) watching?.close();
        deliver();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const abort = (): void => fail(signal.reason);
      const listen = (dialer: OwnedFd): void => {
        const hear = (): void => this.#hear(dialer, (console) => settle(() => resolve(console)), fail);
        watches.push(watch(dialer.fd, EPOLLIN, hear));
      };
      const welcome = (): void => {
        try {
          for (const dialer of acceptTrusted(this.#listener.fd, 'the console socket')) {
            this.#dialers.add(dialer);
            listen(dialer);
          }
        } catch (error) {
          fail(error);
        }
      };
      const timer = timeoutMs > 0 ? setTimeout(() => fail(timeoutError(this.path, timeoutMs)), timeoutMs) : undefined;
      signal.addEventListener('abort', abort);
      for (const dialer of this.#dialers) listen(dialer);
      watches.push(watch(this.#listener.fd, EPOLLIN, welcome));
    });
  }

  /** Stops listening and removes the socket and its temporary directory. Idempotent. */
  close(): void {
    if (!this.#listener.isOpen) return;
    this.#closing.abort(new TermshimError('ERR_CONSOLE_CLOSED', `the console socket ${this.path} was closed`));
    for (const dialer of this.#dialers) dialer.close();
    this.#listener.close();
    this.#forgetAtExit();
    this.#removeFile();
    this.#directory?.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Reads one message from a connection, then closes the connection, whether the message is valid or not. */
  #hear(dialer: OwnedFd, onConsole: (console: Console) => void, onError: (error: unknown) => void): void {
    try {
      const console = receiveConsole(dialer.fd);
      if (console === undefined) return;
      onConsole(console);
    } catch (error) {
      onError(error);
    }
    this.#dialers.delete(dialer);
    dialer.close();
  }

  #removeFile(): void {
    rmSync(this.path, { force: true });
  }
}

function listenAt(path: string): OwnedFd {
  assertSocketPath(path, 'the console socket');
  const fd = addon.socket_listen(path, 0o600);
  if (fd === -EADDRINUSE) throw new TermshimError('ERR_SOCKET_IN_USE', `the console socket already exists: ${path}`);
  return new OwnedFd(check(fd, 'bind', `listen at the console socket ${path}`), 'the console socket');
}

function timeoutError(path: string, timeoutMs: number): TermshimError {
  return new TermshimError('ERR_CONSOLE_TIMEOUT', `no console arrived at ${path} within ${timeoutMs / 1000} s`);
}

function receiveConsole(dialer: number): Console | undefined {
  // The text is ignored: runtimes send different things about the tty, and some send nothing.
  const fd = addon.socket_receive_fd(dialer, new Uint8Array(4096));
  if (fd === -EAGAIN) return undefined;
  if (fd < 0) {
    const fault = faults[fd];
    if (fault === undefined) throw systemError(fd, 'recvmsg', 'receive a console');
    throw new TermshimError('ERR_CONSOLE_MESSAGE', `no console arrived: ${fault}`, { syscall: 'recvmsg' });
  }
  return Console.adopt(fd);
}
