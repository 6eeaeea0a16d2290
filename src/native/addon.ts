/**
 * The only place that loads the addon, and the contract of every function it exports.
 *
 * One rule holds for all of them: a function that asks the kernel returns its answer, or `-errno`. Nothing here throws
 * for a kernel error (`check` in errors/errors.ts turns a negative answer into an exception where it is unexpected); a
 * TypeError means an argument of the wrong type, which is a bug of the caller.
 *
 * Descriptors: every function that returns one has set CLOEXEC and entered it in the environment's table of owned
 * descriptors. `fd_close` closes only what stands in that table, and what still stands there when the environment ends
 * (process exit, `worker.terminate()`) is closed then.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

export interface Addon {
  // fd.c: plain descriptors, pipes and FIFOs, eventfd(2)

  /** open(2) with O_CLOEXEC added. */
  fd_open(path: string, flags: number, mode: number): number;
  /** Enters a descriptor that came from elsewhere in the table and sets CLOEXEC. Returns it. */
  fd_adopt(fd: number): number;
  /** F_DUPFD_CLOEXEC: a second descriptor of the same open file description. */
  fd_duplicate(fd: number): number;
  /** Takes it out of the table without closing it: somebody else owns it now. Returns it, or -EBADF as `fd_close` does. */
  fd_release(fd: number): number;
  /** close(2). -EBADF if the table does not hold `fd`. */
  fd_close(fd: number): number;
  fd_read(fd: number, into: Uint8Array): number;
  fd_write(fd: number, from: Uint8Array): number;
  /** Reads at most `maxBytes` (and at most 64 KiB) and drops them. Returns how many. */
  fd_discard(fd: number, maxBytes: number): number;
  /** poll(2) for POLLIN|POLLOUT that does not wait. Returns `revents`, which may be 0. */
  fd_poll(fd: number): number;
  /** FIONREAD: bytes that a read would find. */
  fd_unread(fd: number): number;
  /** Sets or clears O_NONBLOCK on the open file description. Returns 1 if it was set before, else 0. */
  fd_set_nonblocking(fd: number, on: boolean): number;
  /** pipe2(2): stores the reading end and the writing end, both blocking. */
  pipe_create(into: Int32Array): number;
  /** flock(2), exclusive: the lock of the open file description, until that is closed. -EAGAIN if another has it. */
  fd_lock(fd: number): number;
  /** mkfifo(3). */
  fifo_create(path: string, mode: number): number;
  /** A non-blocking counter at 0. A read stores its 8 bytes and sets it to 0; -EAGAIN while it is 0. */
  eventfd_create(): number;

  // epoll.c: one edge-triggered epoll set for each environment, watched by one uv_poll_t

  /**
   * Creates the set, once. For each wake-up the addon fills `events` with entries of four numbers (slot, generation,
   * revents, the answer of the pump that served it or 2^32 - 1), calls `onEvents` with the number of entries, then runs
   * the microtasks.
   */
  epoll_create(events: Uint32Array, onEvents: (count: number) => void): number;
  /** EPOLL_CTL_ADD with EPOLLET. -EPERM for a file that is always ready (regular file, /dev/null). */
  epoll_add(fd: number, events: number, slot: number, generation: number): number;
  /** EPOLL_CTL_MOD: other events for the same descriptor; those that hold already are told anew. */
  epoll_modify(fd: number, events: number, slot: number, generation: number): number;
  /** EPOLL_CTL_DEL. Must come before the descriptor is closed. */
  epoll_remove(fd: number): number;
  /**
   * From now on the slot's descriptor is served by a pump whose source it is: when it is readable and nothing else, the
   * pump is run as by `pump_run(pump, budgetUs, false)`, and `onEvents` hears of it only if it stopped for another
   * reason than an empty source. A pump that waits for its sink is left alone. -1 in place of a pump ends this; it must
   * end before the pump is destroyed or the slot is given to another descriptor.
   */
  epoll_serve(slot: number, pump: number, budgetUs: number): number;
  /** Whether the set keeps the event loop alive. */
  epoll_ref(keepAlive: boolean): number;

  // pump.c: moves bytes from one descriptor to another

  /** Returns the id of a new pump. Both descriptors stay the caller's and must be non-blocking. */
  pump_create(source: number, sink: number): number;
  /**
   * Moves bytes until it must stop, or has for `budgetUs` microseconds. Returns `stop | errno << 8`, with `stop` one of
   * {@link PumpStop}.
   *
   * A short read counts as the last, since what comes after it makes a new edge, unless `toTheEnd` asks for EAGAIN, the
   * end or the hang-up itself.
   */
  pump_run(pump: number, budgetUs: number, toTheEnd: boolean): number;
  /** From now on at most `maxBytes` more are read; then the source counts as empty. -1: there is no limit any more. */
  pump_limit(pump: number, maxBytes: number): number;
  /** From now on what the sink takes is appended to the ring too. */
  pump_tap(pump: number, ring: number): number;
  /** Bytes written to the sink so far. */
  pump_bytes(pump: number): number;
  /** Bytes read from the source that wait for the sink: 0, or one block of at most 64 KiB. */
  pump_pending(pump: number): number;
  /** The last byte that was written, -1 before the first. */
  pump_last_byte(pump: number): number;
  /** Frees the pump and drops what is pending. */
  pump_destroy(pump: number): number;

  // ring.c: the recent output of a console, for readers at any pace

  /** Returns the id of a ring that holds the last `capacity` bytes. Memory that was never used costs nothing. */
  ring_create(capacity: number): number;
  /** Frees the ring. Its readers are of no use any more, and must be destroyed. */
  ring_destroy(ring: number): number;
  /** Bytes ever appended. */
  ring_bytes(ring: number): number;
  /** Stores the last bytes, as many as there are and `into` has room for. Returns how many. */
  ring_recent(ring: number, into: Uint8Array): number;
  /** Returns the id of a reader that begins `back` bytes before the end, or with the oldest byte that is held. */
  ring_reader_create(ring: number, back: number): number;
  ring_reader_destroy(reader: number): number;
  /** Bytes that were appended and not read. More than the ring's capacity: the reader has lost its place. */
  ring_reader_behind(reader: number): number;
  /** Goes to the end. Returns how many bytes were skipped. */
  ring_reader_skip(reader: number): number;
  /** Stores what comes next. Returns how many bytes; -EOVERFLOW if the reader has lost its place. */
  ring_reader_read(reader: number, into: Uint8Array): number;
  /**
   * Writes what comes next to a descriptor. Returns why it stopped, as `pump_run` does: `empty` for a reader that has
   * caught up, `full`, `broken`, `sinkError`, or `lost`.
   */
  ring_reader_write(reader: number, sink: number): number;

  // log-encoder.c: log entries of what a process writes

  /** Returns the id of an encoder for one stream of a log, with `format` one of {@link LogFormat}. */
  log_create(format: number, isStderr: boolean): number;
  /**
   * Makes entries of the lines that end in `from`, and of parts of 16 KiB of those that are longer. A line without an
   * end waits in the encoder. Returns `taken * 2 ** 26 + written`: fewer bytes than `from` has are taken when the next
   * entry may not fit into `into`, of which 128 KiB are always enough for one.
   */
  log_encode(encoder: number, from: Uint8Array, into: Uint8Array): number;
  /** The stream has ended: makes an entry of the line that waits. Returns its length; -ENOBUFS, as for `log_encode`. */
  log_end(encoder: number, into: Uint8Array): number;
  /** Frees the encoder and drops what waits. */
  log_destroy(encoder: number): number;

  // socket.c: unix stream sockets, SCM_RIGHTS, peer credentials

  /** A listening, non-blocking socket bound to `path`, whose file gets `mode`. -ENAMETOOLONG over 107 bytes, -EINVAL for none. */
  socket_listen(path: string, mode: number): number;
  /** accept4(2), non-blocking. -EAGAIN if nobody dials. */
  socket_accept(listener: number): number;
  /** A connected, blocking socket. -ENAMETOOLONG over 107 bytes. */
  socket_connect(path: string): number;
  /** The uid of the process that connected (SO_PEERCRED). */
  socket_peer_uid(socket: number): number;
  /**
   * Receives one message that carries exactly one descriptor, and returns it. The bytes beside it go to `data`, followed
   * by a zero byte. Every other case closes whatever came: -ENODATA end of stream, -EBADMSG bytes without a
   * descriptor, -E2BIG more than one descriptor, -EMSGSIZE a control message that was cut off.
   */
  socket_receive_fd(socket: number, data: Uint8Array): number;
  /** Sends `data` (at least one byte) and, in one SCM_RIGHTS, `fds`. They stay the caller's. */
  socket_send_fds(socket: number, data: Uint8Array, fds: readonly number[]): number;

  // tty.c: window size and termios; see ioctl_tty(2), termios(3)

  /** A new pty master, unlocked, non-blocking. Its slave is /dev/pts/N with N from `tty_pts_number`. */
  tty_open_master(): number;
  /** TIOCGPTN: the number of a master's slave. -ENOTTY for anything that is not a pty master. */
  tty_pts_number(fd: number): number;
  /** TIOCGWINSZ as `columns * 65536 + rows`. */
  tty_get_size(fd: number): number;
  /** TIOCSWINSZ. */
  tty_set_size(fd: number, columns: number, rows: number): number;
  /** Stores the termios into `into` (64 bytes are enough). */
  tty_get_termios(fd: number, into: Uint8Array): number;
  /** Sets what `tty_get_termios` stored, at once, and from the background too. */
  tty_set_termios(fd: number, from: Uint8Array): number;
  /** cfmakeraw(3). */
  tty_set_raw(fd: number): number;
  /** Clears ONLCR, so that a newline stays a newline. */
  tty_clear_onlcr(fd: number): number;
  /** The VEOF character, plus 256 if the line discipline is in canonical mode. */
  tty_end_of_file(fd: number): number;
  /** How much of what was written to a master its tty's readers could read now. 0 if they have read all of it. */
  tty_unread_input(master: number): number;

  // process.c: see prctl(2), pidfd_open(2), waitid(2)

  /** Orphaned descendants become children of this process. */
  process_set_subreaper(on: boolean): number;
  pidfd_open(pid: number): number;
  /** pidfd_send_signal(2). */
  pidfd_signal(pidfd: number, signal: number): number;
  /**
   * Reaps the child. Returns `si_code << 8 | si_status` (CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3), -EAGAIN while it
   * runs, -ECHILD if it is not our child.
   */
  process_reap(pid: number): number;
  /** The pid of some child that has ended and was not reaped yet, 0 if there is none. Reaps nothing. */
  process_peek(): number;

  // addon.h: the enums of the C code, for the test that compares them with the objects below

  readonly pump_stops: Readonly<Record<string, number>>;
  readonly log_formats: Readonly<Record<string, number>>;
}

/** Why `pump_run` stopped. */
export const PumpStop = {
  /** The source has nothing now (EAGAIN, or a short read). */
  empty: 0,
  /** The source has ended (a read of 0). */
  end: 1,
  /** The source is a pty master and no slave is open (EIO). */
  hangup: 2,
  /** The sink takes no more (EAGAIN); the rest is pending. */
  full: 3,
  /** The sink has no reader (EPIPE; EIO of a tty that was hung up); the rest is pending. */
  broken: 4,
  /** The budget is used up; there may be more. */
  budget: 5,
  /** Any other errno of a read. */
  sourceError: 6,
  /** Any other errno of a write; the rest is pending. */
  sinkError: 7,
  /** A reader of a ring has lost its place; nothing was written. */
  lost: 8,
} as const;

/** How an entry of a log looks. */
export const LogFormat = {
  /** Docker's: `{"log":"...\\n","stream":"stdout","time":"..."}`. A part that ends no line has no `\\n`. */
  'json-file': 0,
  /** Of kubelet's container runtime interface: `TIME stdout F LINE`, or P for a part that ends no line. */
  cri: 1,
} as const satisfies Record<LogFormat, number>;

/** The format of a log: Docker's `json-file`, or `cri`, which kubelet reads. */
export type LogFormat = 'json-file' | 'cri';

export const addon: Addon = load();

/** TERMSHIM_ADDON names an instrumented build for tests. */
function load(): Addon {
  const path = process.env['TERMSHIM_ADDON'] ?? join(packageRoot, `prebuilds/linux-${process.arch}/termshim.node`);
  return createRequire(packageRoot)(path) as Addon;
}
