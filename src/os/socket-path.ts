/** The path of a unix socket. */
import { TermshimError } from '../errors/errors.js';

/** `sun_path` without its zero byte (unix(7)). Whoever dials has the same limit, so there is no way around it. */
const longestPathBytes = 107;

/**
 * Throws ERR_SOCKET_PATH_TOO_LONG. Without the check, libuv would cut the path off and take another socket.
 *
 * @param name what is there, as in `the console socket`
 */
export function assertSocketPath(path: string, name: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= longestPathBytes) return;
  throw new TermshimError(
    'ERR_SOCKET_PATH_TOO_LONG',
    `${name}'s path has ${bytes} bytes, and a socket's path at most ${longestPathBytes}: ${path}`,
  );
}
