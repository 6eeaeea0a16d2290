/**
 * Attaches the terminal that we run in to a session: a process with a terminal in a daemon, to which others may be
 * attached too.
 */
import { readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { FifoWriter } from '../os/fifo.js';
import { hostSize, watchHostSize } from '../os/host-terminal.js';
import { type Attachment, type AttachmentEnd, attach } from '../terminal/attach.js';
import { Status } from '../ttrpc/gen/containerd/task-status.js';
import type { DaemonConnection } from './daemon-connection.js';

export interface SessionOptions {
  id: string;
  /** Empty for the container's init. */
  execId: string;
  /**
   * What becomes of our stdin: it is `typed`; it is `watched`, if it is a terminal, for the detach keys alone; or it is
   * `left` to others.
   */
  stdin: 'typed' | 'watched' | 'left';
  detachKeys: Uint8Array;
  /** Whether to show first what is on the screen. */
  replay: boolean;
}

/** Settles when we are in: all that the session shows from now on comes here. Fails with what the daemon says. */
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

/** The session knows the size of our window for as long as we are there, and that we leave. */
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

/** If it is, the daemon has let go of us: somebody else wanted it so. What a process writes is at its end before its exit. */
async function isAlive({ task }: DaemonConnection, { id, execId }: { id: string; execId: string }): Promise<boolean> {
  const { status } = await task.state({ id, execId }).catch(() => ({ status: Status.STOPPED }));
  return status !== Status.STOPPED;
}

/** The session may have ended just now. */
function ignore(): void {}

/** For whoever asks who is attached. */
function describeUs(): string {
  const tty = [0, 1, 2].find((fd) => isatty(fd));
  return tty === undefined ? `pid ${process.pid}` : `${readlinkSync(`/proc/self/fd/${tty}`)}, pid ${process.pid}`;
}
