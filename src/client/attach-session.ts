/**
 * Attaches the terminal of this command to a session: a process with a terminal in a daemon. Other clients may be
 * attached to it too.
 */
import { readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { FifoWriter } from '../os/fifo.js';
import { hostSize, watchHostSize } from '../os/host-terminal.js';
import { type Attachment, type AttachmentEnd, attach } from '../terminal/attach.js';
import { Status } from '../ttrpc/gen/containerd/task-status.js';
import { type DaemonConnection } from './connection.js';

export interface SessionOptions {
  id: string;
  /** Empty for the container's init. */
  execId: string;
  /**
   * What happens to the stdin of this command. `typed`: it is typed into the session. `watched`: if it is a terminal,
   * it is read for the detach keys alone. `left`: it is not read.
   */
  stdin: 'typed' | 'watched' | 'left';
  detachKeys: Uint8Array;
  /** Whether to show the present screen first. */
  replay: boolean;
}

/** Resolves when the client is attached: it gets all output from then on. Rejects with the daemon's error. */
export async function attachSession(daemon: DaemonConnection, options: SessionOptions): Promise<Attachment> {
  const { stdin, detachKeys, replay, ...ids } = options;
  const directory = daemon.fifoDirectory(ids);
  const output = directory.output('stdout');
  let sink: FifoWriter | undefined;
  try {
    if (stdin === 'typed') sink = await directory.input('stdin');
    const window = hostSize() ?? { columns: 0, rows: 0 };
    const paths = { stdin: sink?.path ?? '', stdout: output.path };
    const { client } = await daemon.sessions.attach({ ...ids, ...paths, ...window, replay, label: describeUs() });
    directory.opened();
    const attachment = attach({
      input: stdin === 'left' ? undefined : { sink, detachKeys, atEnd: 'type-eof' },
      isRaw: stdin !== 'left',
      outputs: [{ from: output, to: 1 }],
    });
    return asClient(daemon, { ...ids, client }, attachment);
  } catch (error) {
    directory.opened();
    output.close();
    sink?.close();
    throw error;
  }
}

/** Tells the session the size of this window as long as the client is attached, and that the client detaches. */
function asClient(
  daemon: DaemonConnection,
  client: { id: string; execId: string; client: number },
  attachment: Attachment,
): Attachment {
  const stopResizing = watchHostSize((size) => void daemon.sessions.resize({ ...client, ...size }).catch(ignore));
  const leave = async (): Promise<void> => void (await daemon.sessions.detach(client).catch(ignore));
  const done = async (): Promise<AttachmentEnd> => {
    try {
      const end = await attachment.done;
      if (end !== 'ended') await leave();
      return end === 'ended' && (await isAlive(daemon, client)) ? 'detached' : end;
    } finally {
      stopResizing();
    }
  };
  return {
    done: done(),
    get isBlocked() {
      return attachment.isBlocked;
    },
    close() {
      stopResizing();
      attachment.close();
    },
  };
}

/** If the output has ended but the process is alive, another client has made the daemon detach this one. */
async function isAlive({ task }: DaemonConnection, { id, execId }: { id: string; execId: string }): Promise<boolean> {
  const { status } = await task.state({ id, execId }).catch(() => ({ status: Status.STOPPED }));
  return status !== Status.STOPPED;
}

/** The session may have just ended. */
function ignore(): void {}

/** The label of this client in the list of clients. */
function describeUs(): string {
  const tty = [0, 1, 2].find((fd) => isatty(fd));
  return tty === undefined ? `pid ${process.pid}` : `${readlinkSync(`/proc/self/fd/${tty}`)}, pid ${process.pid}`;
}
