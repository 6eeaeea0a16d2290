/**
 * The only file that loads the addon, and the contract of every function that the addon exports.
 *
 * A function that makes a system call returns the kernel's answer, or `-errno`. It never throws for an error of the
 * kernel; a caller that expects none passes the answer to `check` in errors/errors.ts, which throws if it is negative.
 * A TypeError means that an argument has the wrong type, which is a bug of the caller.
 *
 * A function that returns a descriptor has set CLOEXEC and added the descriptor to the environment's set of owned
 * descriptors. `fd_close` closes only descriptors of that set. When the environment ends (process exit,
 * `worker.terminate()`), the addon closes the descriptors that are still in it.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from '../package.js';

export interface Addon {
  // fd.c: plain descriptors, pipes and FIFOs, eventfd(2)

  /** open(2) with O_CLOEXEC added. */
  fd_open(path: string, flags: number, mode: number): number;
  /** Adds a descriptor of another origin to the owned ones and sets CLOEXEC. Returns it. */
  fd_adopt(fd: number): number;
  /** F_DUPFD_CLOEXEC: a second descriptor of the same open file description. */
  fd_duplicate(fd: number): number;
  /** Removes `fd` from the owned descriptors without closing it. Returns it, or -EBADF if it is not owned. */
  fd_release(fd: number): number;
  /** close(2). -EBADF if `fd` is not owned. */
  fd_close(fd: number): number;
  fd_read(fd: number, into: Uint8Array): number;
  fd_write(fd: number, from: Uint8Array): number;
  /** Reads at most `maxBytes`, and at most 64 KiB, and drops them. Returns how many bytes it dropped. */
  fd_discard(fd: number, maxBytes: number): number;
  /** poll(2) for POLLIN|POLLOUT that does not wait. Returns `revents`, which may be 0. */
  fd_poll(fd: number): number;
  /** FIONREAD: how many bytes a read would find. */
  fd_unread(fd: number): number;
  /** Sets or clears O_NONBLOCK on the open file description. Returns 1 if it was set before, else 0. */
  fd_set_nonblocking(fd: number, on: boolean): number;
  /** pipe2(2): stores the reading end, then the writing end. Both are blocking. */
  pipe_create(into: Int32Array): number;
  /** flock(2), exclusive, until the open file description is closed. -EAGAIN if another description has the lock. */
  fd_lock(fd: number): number;
  /** mkfifo(3). */
  fifo_create(path: string, mode: number): number;
  /** eventfd(2), non-blocking, with a counter of 0. A read stores the counter's 8 bytes and resets it; -EAGAIN at 0. */
  eventfd_create(): number;

  // epoll.c: one edge-triggered epoll set for each environment, watched by one uv_poll_t

  /**
   * Creates the set; -EEXIST the second time. At each wake-up the addon fills `events` with entries of four numbers
   * (slot, generation, revents, the answer of the pump that served the slot or 2^32 - 1), calls `onEvents` with the
   * number of entries, then runs the microtasks.
   */
  epoll_create(events: Uint32Array, onEvents: (count: number) => void): number;
  /** EPOLL_CTL_ADD with EPOLLET. -EPERM for a file that is always ready (regular file, /dev/null). */
  epoll_add(fd: number, events: number, slot: number, generation: number): number;
  /** EPOLL_CTL_MOD: changes the events of a descriptor. Events that are already true are reported again. */
  epoll_modify(fd: number, events: number, slot: number, generation: number): number;
  /** EPOLL_CTL_DEL. Call it before you close the descriptor. */
  epoll_remove(fd: number): number;
  /**
   * Lets a pump serve the slot whose descriptor is its source. At an EPOLLIN without other bits the addon runs the
   * pump, as `pump_run(pump, budgetUs, false)` does, and reports the event to `onEvents` only if the pump stopped for
   * another reason than an empty source. A pump with pending bytes is not run. A `pump` of -1 ends the service. End it
   * before you destroy the pump or give the slot to another descriptor.
   */
  epoll_serve(slot: number, pump: number, budgetUs: number): number;
  /** Whether the set keeps the event loop alive. */
  epoll_ref(keepAlive: boolean): number;

  // pump.c: moves bytes from one descriptor to another

  /** Returns the id of a new pump. Both descriptors must be non-blocking; the caller still owns them. */
  pump_create(source: number, sink: number): number;
  /**
   * Moves bytes until the source or the sink makes it stop, or for `budgetUs` microseconds. Returns
   * `stop | errno << 8`, with `stop` one of {@link PumpStop}.
   *
   * A short read means an empty source, because later bytes make a new edge. With `toTheEnd` the pump reads until
   * EAGAIN, the end or the hang-up instead.
   */
  pump_run(pump: number, budgetUs: number, toTheEnd: boolean): number;
  /** Lets the pump read at most `maxBytes` more; then the source counts as empty. -1 removes the limit. */
  pump_limit(pump: number, maxBytes: number): number;
  /** Makes the pump append to the ring all that the sink takes. */
  pump_tap(pump: number, ring: number): number;
  /** How many bytes were written to the sink. */
  pump_bytes(pump: number): number;
  /** How many bytes were read from the source and wait for the sink: at most 64 KiB. */
  pump_pending(pump: number): number;
  /** The last byte that was written; -1 if there is none yet. */
  pump_last_byte(pump: number): number;
  /** Frees the pump and drops its pending bytes. */
  pump_destroy(pump: number): number;

  // ring.c: the recent output of a console, for readers at their own pace

  /** Returns the id of a ring that holds the last `capacity` bytes. Pages that were never written take no memory. */
  ring_create(capacity: number): number;
  /** Frees the ring. Do not use its readers afterwards, but destroy them. */
  ring_destroy(ring: number): number;
  /** How many bytes were ever appended. */
  ring_bytes(ring: number): number;
  /** Stores the ring's last bytes, as many as it has and `into` has room for. Returns how many. */
  ring_recent(ring: number, into: Uint8Array): number;
  /** Returns the id of a reader that begins `back` bytes before the end, or at the oldest byte if there are fewer. */
  ring_reader_create(ring: number, back: number): number;
  ring_reader_destroy(reader: number): number;
  /** How many bytes the reader has not read. If these are more than the ring's capacity, it has lost its position. */
  ring_reader_behind(reader: number): number;
  /** Moves the reader to the end. Returns how many bytes it skipped. */
  ring_reader_skip(reader: number): number;
  /** Stores the reader's next bytes. Returns how many; -EOVERFLOW if the reader has lost its position. */
  ring_reader_read(reader: number, into: Uint8Array): number;
  /**
   * Writes the reader's next bytes to a descriptor. Returns why it stopped, as `pump_run` does: `empty` if the reader
   * is at the end, `full`, `broken`, `sinkError`, or `lost`.
   */
  ring_reader_write(reader: number, sink: number): number;

  // log-encoder.c: encodes a process's output as log entries

  /** Returns the id of an encoder for one stream of a log, with `format` one of {@link LogFormat}. */
  log_create(format: number, isStderr: boolean): number;
  /**
   * Encodes the complete lines of `from`, longer ones in parts of 16 KiB. The encoder holds an unfinished line until it
   * is complete. Returns `taken * 2 ** 26 + written`. It takes fewer bytes than `from` has if the next entry might not
   * fit into `into`; 128 KiB have room for any entry.
   */
  log_encode(encoder: number, from: Uint8Array, into: Uint8Array): number;
  /** Encodes the unfinished line at the end of the stream. Returns the entry's length; -ENOBUFS if it might not fit. */
  log_end(encoder: number, into: Uint8Array): number;
  /** Frees the encoder and drops its unfinished line. */
  log_destroy(encoder: number): number;

  // socket.c: unix stream sockets, SCM_RIGHTS, peer credentials

  /**
   * A listening, non-blocking socket that is bound to `path`; its file has `mode`. -ENAMETOOLONG if the path has more
   * than 107 bytes, -EINVAL if it is empty.
   */
  socket_listen(path: string, mode: number): number;
  /** accept4(2); the new socket is non-blocking. -EAGAIN if no connection waits. */
  socket_accept(listener: number): number;
  /** A connected, blocking socket. The same errors for `path` as for `socket_listen`. */
  socket_connect(path: string): number;
  /** The uid of the process that connected (SO_PEERCRED). */
  socket_peer_uid(socket: number): number;
  /**
   * Receives a message with exactly one descriptor, without waiting, and returns the descriptor. Stores the message's
   * bytes and a zero byte in `data`. For another message it closes every descriptor that came, and returns -ENODATA at
   * the end of the stream, -EBADMSG for bytes without a descriptor, -E2BIG for more than one descriptor, -EMSGSIZE if
   * the kernel cut the control message off.
   */
  socket_receive_fd(socket: number, data: Uint8Array): number;
  /** Sends `data` (at least one byte) and, in one SCM_RIGHTS, `fds`, which the caller still owns. */
  socket_send_fds(socket: number, data: Uint8Array, fds: readonly number[]): number;

  // tty.c: window size and termios; see ioctl_tty(2), termios(3)

  /** A new, non-blocking pty master, unlocked. Its slave is /dev/pts/N, with N from `tty_pts_number`. */
  tty_open_master(): number;
  /** TIOCGPTN: the number of a master's slave. -ENOTTY for anything that is not a pty master. */
  tty_pts_number(fd: number): number;
  /** TIOCGWINSZ as `columns * 65536 + rows`. */
  tty_get_size(fd: number): number;
  /** TIOCSWINSZ. */
  tty_set_size(fd: number, columns: number, rows: number): number;
  /** tcgetattr(3): stores a termios, for which 64 bytes are enough. Returns its length. */
  tty_get_termios(fd: number, into: Uint8Array): number;
  /** tcsetattr(3) with TCSANOW. Works in a background process group too: SIGTTOU is blocked meanwhile. */
  tty_set_termios(fd: number, from: Uint8Array): number;
  /** cfmakeraw(3), then tcsetattr(3). */
  tty_set_raw(fd: number): number;
  /** Clears ONLCR: LF in the output stays LF. */
  tty_clear_onlcr(fd: number): number;
  /** The VEOF character, plus 256 if the line discipline is in canonical mode. */
  tty_end_of_file(fd: number): number;
  /**
   * How many bytes a read of the master's tty would find now: 1 if it would find only an end of file, 0 if it would
   * wait. So an unfinished line in canonical mode does not count.
   */
  tty_unread_input(master: number): number;

  // process.c: see prctl(2), pidfd_open(2), waitid(2)

  /** PR_SET_CHILD_SUBREAPER: orphaned descendants become children of this process. */
  process_set_subreaper(on: boolean): number;
  pidfd_open(pid: number): number;
  /** pidfd_send_signal(2). */
  pidfd_signal(pidfd: number, signal: number): number;
  /**
   * Reaps a child. Returns `si_code << 8 | si_status` (CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3), -EAGAIN while it
   * runs, -ECHILD if it is not a child of this process.
   */
  process_reap(pid: number): number;
  /** The pid of a child that has ended and was not reaped, 0 if there is none. Does not reap it. */
  process_peek(): number;

  // addon.h: the enums of the C code, for the test that compares them with the objects below

  readonly pump_stops: Readonly<Record<string, number>>;
  readonly log_formats: Readonly<Record<string, number>>;
}

/** Why `pump_run` or `ring_reader_write` stopped. */
export const PumpStop = {
  /** The source is empty (EAGAIN, or a short read). */
  empty: 0,
  /** The source has ended (a read of 0). */
  end: 1,
  /** The source is a pty master and no slave is open (EIO). */
  hangup: 2,
  /** The sink is full (EAGAIN); the rest is pending. */
  full: 3,
  /** The sink has no reader (EPIPE, or EIO of a tty that was hung up); the rest is pending. */
  broken: 4,
  /** The time budget is used up; the source may have more. */
  budget: 5,
  /** Any other errno of a read. */
  sourceError: 6,
  /** Any other errno of a write; the rest is pending. */
  sinkError: 7,
  /** The ring's reader has lost its position; nothing was written. */
  lost: 8,
} as const;

/** The formats of a log entry. */
export const LogFormat = {
  /** Docker's: `{"log":"...\\n","stream":"stdout","time":"..."}`. A part that does not end its line has no `\\n`. */
  'json-file': 0,
  /** The kubelet's (CRI): `TIME stdout F LINE`, with P in place of F for a part that does not end its line. */
  cri: 1,
} as const satisfies Record<LogFormat, number>;

/** The format of a log: Docker's `json-file`, or `cri`, which kubelet reads. */
export type LogFormat = 'json-file' | 'cri';

export const addon: Addon = load();

/** TERMSHIM_ADDON is the path of an instrumented build, for tests. */
function load(): Addon {
  const path = process.env['TERMSHIM_ADDON'] ?? join(packageRoot, `prebuilds/linux-${process.arch}/termshim.node`);
  return createRequire(packageRoot)(path) as Addon;
}
