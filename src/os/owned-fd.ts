/**
 * A descriptor with one owner. No garbage collector closes descriptors: the owner of the `OwnedFd` must close it.
 */
import { addon } from '../native/addon.js';
import { TermshimError, check, systemError } from '../errors/errors.js';

export class OwnedFd {
  /** The name in messages, such as `the stdin FIFO /run/in`. */
  readonly name: string;
  #fd: number;

  /** Takes over a descriptor that a function of the addon returned. */
  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.name = name;
  }

  /** open(2), always close-on-exec. Throws ERR_SYSTEM for every failure; use `tryOpen` if you expect one. */
  static open(path: string, flags: number, name: string): OwnedFd {
    return new OwnedFd(check(addon.fd_open(path, flags, 0o600), 'open', `open ${name}`), name);
  }

  /** As `open`, but returns undefined if open(2) fails with the errno `expected`. */
  static tryOpen(path: string, flags: number, name: string, expected: number): OwnedFd | undefined {
    const fd = addon.fd_open(path, flags, 0o600);
    if (fd === -expected) return undefined;
    if (fd < 0) throw systemError(fd, 'open', `open ${name}`);
    return new OwnedFd(fd, name);
  }

  /** The number. Throws if the descriptor is closed: the kernel may have given the number to another file. */
  get fd(): number {
    if (this.#fd < 0) throw new TermshimError('ERR_SYSTEM', `${this.name} is closed`, { errno: 'EBADF' });
    return this.#fd;
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** Gives the descriptor to the caller and returns its number. The addon will not close it. */
  release(): number {
    const { fd } = this;
    this.#fd = -1;
    return check(addon.fd_release(fd), 'fd_release', `release ${this.name}`);
  }

  /** Idempotent. */
  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) addon.fd_close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
