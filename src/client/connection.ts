/** What the commands ask of a daemon: the user's daemon, or external shims behind the same interface. */
import type { FifoReader } from '../os/fifo.js';
import type { Attachment } from '../terminal/attach.js';
import type { Client } from '../ttrpc/client.js';
import type { TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import type { SessionsDefinition } from '../ttrpc/gen/termshim/sessions.js';
import type { ShimDefinition } from '../ttrpc/gen/termshim/shim.js';
import type { FifoDirectory } from './fifo-directory.js';

export interface ProcessIds {
  id: string;
  /** Empty for the container's init. */
  execId: string;
}

export interface DaemonConnection extends Disposable {
  readonly task: Client<typeof TaskDefinition>;
  readonly sessions: Client<typeof SessionsDefinition>;
  readonly shim: Client<typeof ShimDefinition>;
  /** Makes FIFOs for a client of a session. */
  fifoDirectory(ids: ProcessIds): FifoDirectory;
  /**
   * Call it when the input has ended and the command has closed its end of the FIFO. The user's daemon notices this at
   * the FIFO; an external shim does not.
   */
  inputEnded(ids: ProcessIds): Promise<void>;
  /**
   * Call it when the command's stdout or stderr has lost its reader. As with `inputEnded`, an external shim does not
   * notice this at the FIFO. Takes over the FIFO of the output.
   */
  readerLeft(ids: ProcessIds, from: FifoReader): Promise<void>;
  /**
   * Call it after Wait: settles when the output of the process was copied to its FIFOs. The user's daemon copies it
   * before it answers Wait. With an external shim, this waits until `seen` settles, or for 10 s in which `attached` is
   * not blocked.
   *
   * @param seen settles when all output was read or is not wanted
   */
  outputCopied(attached: Pick<Attachment, 'isBlocked'>, seen: Promise<unknown>): Promise<void>;
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>;
  /** Idempotent. */
  close(): void;
}
