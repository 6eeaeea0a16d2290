/**
 * A console: the master side of a pty. Its other side, the tty, is what a container's process has as its terminal.
 */
import { addon } from '../native/addon.js';
import { TermshimError, check, systemError } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

/** In character cells. In `struct winsize` the rows come first; here both are named. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export class Console {
  /** The tty's, `/dev/pts/3`, by the number that the kernel gave it: in a container's /dev/pts, if the pty is of there. */
  readonly name: string;
  readonly #master: OwnedFd;

  private constructor(master: OwnedFd, number: number) {
    this.#master = master;
    this.name = `/dev/pts/${number}`;
  }

  /** Opens a new pty on this host. Its tty is at `console.name`, unlocked. */
  static open(size?: Size): Console {
    const fd = check(addon.tty_open_master(), 'open', 'open a pty master at /dev/ptmx');
    const console = new Console(new OwnedFd(fd, 'the console'), addon.tty_pts_number(fd));
    if (size !== undefined) console.resize(size);
    return console;
  }

  /**
   * Takes over a descriptor that came from outside, and makes it non-blocking: runtimes send it blocking. Anything but
   * a pty master is closed and refused with ERR_NOT_A_CONSOLE; TIOCGPTN is what only a master answers.
   */
  static adopt(fd: number): Console {
    const master = new OwnedFd(check(addon.fd_adopt(fd), 'fcntl', 'take over a console'), 'the console');
    const number = addon.tty_pts_number(fd);
    if (number < 0) {
      master.close();
      throw new TermshimError('ERR_NOT_A_CONSOLE', 'the descriptor that came for a console is not a pty master', {
        syscall: 'ioctl',
        cause: systemError(number, 'ioctl', 'ask for the number of the tty (TIOCGPTN)'),
      });
    }
    addon.fd_set_nonblocking(fd, true);
    return new Console(master, number);
  }

  get fd(): number {
    return this.#master.fd;
  }

  get isOpen(): boolean {
    return this.#master.isOpen;
  }

  get size(): Size {
    const packed = check(addon.tty_get_size(this.fd), 'ioctl', 'read the size of the console');
    return { columns: packed >>> 16, rows: packed & 0xffff };
  }

  /** Sets the size; the kernel sends SIGWINCH to the foreground processes if it differs. */
  resize({ columns, rows }: Size): void {
    check(addon.tty_set_size(this.fd, columns, rows), 'ioctl', `set the size of the console to ${columns}x${rows}`);
  }

  /** Leaves newlines as they are, instead of the CR LF that a terminal needs. */
  clearOnlcr(): void {
    check(addon.tty_clear_onlcr(this.fd), 'tcsetattr', 'clear ONLCR on the console');
  }

  /**
   * What has to be typed for end of file. In canonical mode VEOF ends the line that is being typed, and is end of file
   * only on an empty one, so after half a line it takes two; see termios(3). Nothing, if the terminal has none.
   */
  endOfFile(isLineEmpty: boolean): Uint8Array {
    const answer = check(addon.tty_end_of_file(this.fd), 'tcgetattr', 'read the VEOF character of the console');
    const isCanonical = answer >= 256;
    const isUndefined = (answer & 0xff) === 0;
    if (isUndefined) return new Uint8Array();
    return new Uint8Array(isCanonical && !isLineEmpty ? 2 : 1).fill(answer & 0xff);
  }

  /** Bytes that were typed and that the process could read, and has not. */
  get unreadInputBytes(): number {
    return Math.max(0, addon.tty_unread_input(this.fd));
  }

  /** Closes the master: the processes of the terminal get SIGHUP and read end of file. Idempotent. */
  close(): void {
    this.#master.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
