/** The path of a unix socket, and who listens there. */
import { TermshimError } from '../errors/errors.js';

/** `sun_path` without its zero byte (unix(7)). connect(2) has the same limit, so there is no way around it. */
const longestPathBytes = 107;

/**
 * Throws ERR_SOCKET_PATH_TOO_LONG. Without this check, libuv would cut the path off and use another socket.
 *
 * @param name the socket's name in messages, such as `the console socket`
 */
export function assertSocketPath(path: string, name: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= longestPathBytes) return;
  throw new TermshimError(
    'ERR_SOCKET_PATH_TOO_LONG',
    `the path of ${name} has ${bytes} bytes, but a socket's path has at most ${longestPathBytes}: ${path}`,
  );
}

/**
 * Whether a connect(2) failed because no process listens at the path: the socket of a process that has ended refuses
 * (ECONNREFUSED), or there is no socket (ENOENT). EAGAIN says that too many are waiting, so a process does listen.
 */
export function isNobodyListening(error: unknown): boolean {
  return error instanceof TermshimError && (error.errno === 'ECONNREFUSED' || error.errno === 'ENOENT');
}
