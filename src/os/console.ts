/**
 * A console: the master side of a pty. Its other side, the tty, is the terminal of a container's process.
 */
import { addon } from '../native/addon.js';
import { TermshimError, check, systemError } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

/** A size in character cells. The numbers have names because `struct winsize` has the rows first. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The master side of a pty. Its other side, the tty, is the terminal of a container's process. A console has one owner,
 * which closes it.
 *
 * @example
 * ```js
 * import { Console } from 'termshim';
 *
 * const console = Console.open({ columns: 80, rows: 24 });
 * console.resize({ columns: 100, rows: 30 });
 * process.stdout.write(`${console.name} has ${console.size.columns} columns\n`);
 * console.close();
 * ```
 */
export class Console {
  /** The path of the tty, such as `/dev/pts/3`. If the pty was opened in a container, it is a path in the container. */
  readonly name: string;
  readonly #master: OwnedFd;

  private constructor(master: OwnedFd, number: number) {
    this.#master = master;
    this.name = `/dev/pts/${number}`;
  }

  /** Opens a new pty on this host. Its tty is at `name`, unlocked. Throws ERR_SYSTEM. */
  static open(size?: Size): Console {
    const fd = check(addon.tty_open_master(), 'open', 'open a pty master at /dev/ptmx');
    const console = new Console(new OwnedFd(fd, 'the console'), addon.tty_pts_number(fd));
    if (size !== undefined) console.resize(size);
    return console;
  }

  /**
   * Takes over a descriptor and makes it non-blocking. If it is not a pty master, it is closed and the call throws
   * ERR_NOT_A_CONSOLE.
   */
  static adopt(fd: number): Console {
    const master = new OwnedFd(check(addon.fd_adopt(fd), 'fcntl', 'take over a console'), 'the console');
    const number = addon.tty_pts_number(fd);
    if (number < 0) {
      master.close();
      throw new TermshimError(
        'ERR_NOT_A_CONSOLE',
        'the descriptor that was received as a console is not a pty master',
        {
          syscall: 'ioctl',
          cause: systemError(number, 'ioctl', 'ask for the number of the tty (TIOCGPTN)'),
        },
      );
    }
    addon.fd_set_nonblocking(fd, true);
    return new Console(master, number);
  }

  /** The descriptor, non-blocking. The console still owns it. Throws ERR_SYSTEM once the console is closed. */
  get fd(): number {
    return this.#master.fd;
  }

  /** False once the console is closed. */
  get isOpen(): boolean {
    return this.#master.isOpen;
  }

  /** The size that the kernel has for the tty. */
  get size(): Size {
    const packed = check(addon.tty_get_size(this.fd), 'ioctl', 'read the size of the console');
    return { columns: packed >>> 16, rows: packed & 0xffff };
  }

  /** Sets the size. If it differs, the kernel sends SIGWINCH to the foreground processes. */
  resize({ columns, rows }: Size): void {
    check(addon.tty_set_size(this.fd, columns, rows), 'ioctl', `set the size of the console to ${columns}x${rows}`);
  }

  /** Clears ONLCR: a newline of the process comes out as LF, not as CR LF. */
  clearOnlcr(): void {
    check(addon.tty_clear_onlcr(this.fd), 'tcsetattr', 'clear ONLCR on the console');
  }

  /**
   * The bytes to write for an end of file: the VEOF character, usually ^D. After an unfinished line in canonical mode
   * it takes two, because the first one only delivers that line; see termios(3). Empty if the terminal has no VEOF.
   */
  endOfFile(isLineEmpty: boolean): Uint8Array {
    const answer = check(addon.tty_end_of_file(this.fd), 'tcgetattr', 'read the VEOF character of the console');
    const isCanonical = answer >= 256;
    const isUndefined = (answer & 0xff) === 0;
    if (isUndefined) return new Uint8Array();
    return new Uint8Array(isCanonical && !isLineEmpty ? 2 : 1).fill(answer & 0xff);
  }

  /** How many bytes of input the process could read now. An unfinished line in canonical mode does not count. */
  get unreadInputBytes(): number {
    return Math.max(0, addon.tty_unread_input(this.fd));
  }

  /** Closes the master: the terminal hangs up, so its processes get SIGHUP and read end of file. Idempotent. */
  close(): void {
    this.#master.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
