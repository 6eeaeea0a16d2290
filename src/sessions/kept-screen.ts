/**
 * Keeps the screen of a terminal up to date with its output, so that a new client gets the screen as it is. The
 * emulator runs in another thread, which reads at its own pace: output that is too much for it is left out, and it
 * begins anew with the recent output. Only callers of `picture` wait for the emulator.
 */
import type { Size } from '../os/console.js';
import { costOf, type Picture, type Work } from '../screen/thread/messages.js';
import type { OpenLink, ScreenLink } from '../screen/thread/thread.js';
import type { OutputReader } from '../stdio/broadcast/ring.js';
import type { TerminalSession } from '../task/io/process-io.js';
import { tailOf } from './replay/recent-output.js';
import { isSameSize } from './size.js';

export interface KeptScreen {
  /** The screen, as soon as the emulator has read all output so far. Undefined if the screen is no longer kept. */
  picture(): Promise<Picture | undefined>;
  /** Pending calls of `picture` are still answered. Idempotent. */
  close(): void;
}

/** How much work may be ordered and not done, as `costOf` counts. */
const mostDueCost = 128 * 1024;
/** While work is due, output is collected until it is at least this long. */
const leastBlock = 16 * 1024;
const blockBytes = 64 * 1024;
/** How long to wait before each new beginning, so that a flood that lasts costs little. */
const beginAnewMs = 250;
/**
 * Begins with the recent output that the ring has.
 *
 * @param onLost called once with the reason, if the screen is given up
 */
export function keepScreen(terminal: TerminalSession, open: OpenLink, onLost: (reason: string) => void): KeptScreen {
  return new Keeper(terminal, open, onLost);
}

class Keeper implements KeptScreen {
  readonly #terminal: TerminalSession;
  readonly #link: ScreenLink;
  readonly #reader: OutputReader;
  readonly #firstByte: number;
  /** The calls that the next picture answers. */
  #asking: ((picture: Picture | undefined) => void)[] = [];
  #checkpoint: Picture | undefined;
  #size: Size;
  #dueCost = 0;
  #anew: NodeJS.Timeout | undefined;
  #isClosing = false;
  #isLost = false;

  constructor(terminal: TerminalSession, open: OpenLink, onLost: (reason: string) => void) {
    this.#terminal = terminal;
    this.#size = terminal.size;
    const { broadcast } = terminal;
    this.#reader = broadcast.read(() => this.#moved());
    const recent = tailOf(terminal, Number.POSITIVE_INFINITY);
    this.#firstByte = broadcast.bytes - recent.length;
    this.#link = open({
      onWorked: (cost) => {
        this.#dueCost -= cost;
        this.#send(1);
      },
      onPicture: (picture) => this.#answer(picture),
      onCheckpoint: (picture) => {
        this.#checkpoint = picture;
      },
      onRestart: () => this.#restart(),
      onLost: (reason) => {
        this.#isLost = true;
        this.#end();
        onLost(reason);
      },
      isWaiting: () => this.#dueCost > 0 || this.#asking.length > 0,
    });
    this.#link.order({ kind: 'open', size: this.#size, at: this.#firstByte, picture: undefined });
    if (recent.length > 0) this.#order({ kind: 'bytes', bytes: recent });
  }

  picture(): Promise<Picture | undefined> {
    if (this.#isLost || this.#isClosing) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#asking.push(resolve);
      if (this.#asking.length > 1) return;
      this.#followSize();
      if (this.#anew === undefined) this.#send(1, Number.POSITIVE_INFINITY);
      if (this.#anew !== undefined) this.#beginAnew();
      this.#order({ kind: 'ask' });
    });
  }

  close(): void {
    this.#isClosing = true;
    if (this.#asking.length === 0) this.#end();
  }

  #end(): void {
    clearTimeout(this.#anew);
    this.#reader.close();
    this.#link.close();
    this.#answer(undefined);
  }

  #answer(picture: Picture | undefined): void {
    for (const resolve of this.#asking.splice(0)) resolve(picture);
    if (picture !== undefined && this.#isClosing) this.#end();
  }

  #order(work: Work): void {
    this.#dueCost += costOf(work);
    this.#link.order(work);
  }

  #moved(): void {
    if (this.#isClosing) return;
    this.#followSize();
    this.#send(this.#dueCost > 0 ? leastBlock : 1);
  }

  /** No event reports a new size: the program in the terminal may have set it. */
  #followSize(): void {
    const { size } = this.#terminal;
    if (isSameSize(size, this.#size)) return;
    this.#size = size;
    this.#order({ kind: 'size', size });
  }

  /** Sends the output to the emulator while there are at least `least` bytes and the work due is less than `most`. */
  #send(least: number, most = mostDueCost): void {
    if (this.#isLost || this.#anew !== undefined) return;
    while (this.#reader.behindBytes >= least && this.#dueCost < most) {
      const bytes = new Uint8Array(Math.min(this.#reader.behindBytes, blockBytes));
      if (this.#reader.read(bytes) === undefined) {
        this.#anew = setTimeout(() => this.#beginAnew(), beginAnewMs).unref();
        return;
      }
      this.#order({ kind: 'bytes', bytes });
    }
  }

  /** Modes and titles stay as they were: the sequences that set them may be older than the recent output. */
  #beginAnew(): void {
    clearTimeout(this.#anew);
    this.#anew = undefined;
    this.#reader.skip();
    const bytes = tailOf(this.#terminal, Number.POSITIVE_INFINITY);
    this.#order({ kind: 'anew', bytes, at: this.#terminal.broadcast.bytes });
  }

  /** Continues in another thread from the last checkpoint. */
  #restart(): void {
    const { size = this.#size, at = this.#firstByte, bytes: picture } = this.#checkpoint ?? {};
    this.#dueCost = 0;
    this.#order({ kind: 'open', size, at, picture });
    if (!isSameSize(size, this.#size)) this.#order({ kind: 'size', size: this.#size });
    const since = this.#terminal.broadcast.bytes - at;
    const recent = this.#terminal.broadcast.recent(since);
    clearTimeout(this.#anew);
    this.#anew = undefined;
    if (recent.length < since) this.#beginAnew();
    else {
      this.#reader.skip();
      if (since > 0) this.#order({ kind: 'bytes', bytes: recent });
    }
    if (this.#asking.length > 0) this.#order({ kind: 'ask' });
  }
}
