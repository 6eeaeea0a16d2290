/**
 * The session of a process with a terminal: its clients, what a new client gets first, and the window that gives the
 * terminal its size.
 */
import type { Size } from '../os/console.js';
import { TermshimError } from '../errors/errors.js';
import type { OpenLink } from '../screen/thread/thread.js';
import type { FollowOptions, FirstBytes } from '../stdio/broadcast/subscriber.js';
import type { TerminalSession } from '../task/io/process-io.js';
import type { TaskProcess } from '../task/process.js';
import { Code, RpcError } from '../ttrpc/status.js';
import { Client, type ClientEnds } from './client.js';
import { type KeptScreen, keepScreen } from './kept-screen.js';
import { screenLostNotice, skippedNotice } from './replay/notice.js';
import type { RecordingRequest } from './recording/recording.js';
import { type RecordingEvent, Recordings } from './recording/recordings.js';
import { createRedraw, type Redraw } from './redraw.js';
import { tailOf } from './replay/recent-output.js';
import { chooseSize, isSameSize, type SizePolicy } from './size.js';

export interface SessionOptions {
  process: TaskProcess;
  /** Undefined if no screen is kept. */
  openScreen: OpenLink | undefined;
  /** `client` is 0 if no client caused the event. */
  onEvent: (kind: SessionEvent, client: number) => void;
  onError: (error: Error) => void;
}

export type SessionEvent = 'attach' | 'detach' | 'resize' | 'screen-lost' | RecordingEvent;

export interface Attachment extends ClientEnds {
  label: string;
  window: Size;
  /** Whether the client first gets the screen, or the recent output. */
  replay: boolean;
}

/** As much as a client's FIFO holds. */
const maxReplayBytes = 64 * 1024;
/** For a client that was too slow. */
const skippedReplayBytes = 16 * 1024;

export class Session {
  readonly recordings: Recordings;
  readonly #options: SessionOptions;
  readonly #clients = new Map<number, Client>();
  readonly #redraw: Redraw;
  #policy: SizePolicy = 'latest';
  #lastNumber = 0;
  #lastTyped = 0;
  #screen: KeptScreen | undefined;
  #screenFailure: string | undefined;
  #hasEnded = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#redraw = createRedraw(options.process);
    this.recordings = new Recordings({
      ...options,
      sizeNow: () => this.size ?? { columns: 0, rows: 0 },
      present: (terminal) => this.#shown(terminal),
      onEvent: (kind) => options.onEvent(kind, 0),
    });
    const end = (): void => this.#end();
    options.process.exited.then(end, end);
    this.begin();
  }

  get policy(): SizePolicy {
    return this.#policy;
  }

  /** The size of the terminal, not the other size that a redraw sets for a moment. */
  get size(): Size | undefined {
    const { process } = this.#options;
    return this.#redraw.restoredSize ?? process.terminal?.size ?? process.size;
  }

  get hasScreen(): boolean {
    return this.#screen !== undefined;
  }

  /** Why the screen is no longer kept. */
  get screenFailure(): string | undefined {
    return this.#screenFailure;
  }

  get clients(): ReadonlyMap<number, Client> {
    return this.#clients;
  }

  /** Call it when the process was made, before its output is read. Clients that attached before get all output. */
  begin(): void {
    const { process, openScreen } = this.#options;
    const { terminal } = process;
    if (terminal === undefined) return;
    this.recordings.begin(terminal);
    if (openScreen !== undefined && this.#screenFailure === undefined) {
      this.#screen ??= keepScreen(terminal, openScreen, (reason) => this.#screenLost(reason));
    }
    const first = { firstBytes: { bytes: nothing }, replayBytes: terminal.stdoutBytes };
    for (const client of this.#clients.values()) if (!client.isConnected) this.#connect(client, terminal, first);
  }

  /** Takes over the FIFOs. Returns the client's number. Fails with ERR_STATE_INVALID if the process has ended. */
  async attach({ replay, ...attachment }: Attachment): Promise<number> {
    const { process, onEvent } = this.#options;
    const { terminal } = process;
    const number = ++this.#lastNumber;
    const client = new Client({
      ...attachment,
      number,
      onTyped: () => this.#typed(client),
      onEnd: (failure) => this.#left(client, failure),
    });
    this.#clients.set(number, client);
    client.typedAt = ++this.#lastTyped;
    const isResized = this.#applySize();
    const first =
      replay && terminal !== undefined ? this.#present(terminal) : { firstBytes: { bytes: nothing }, replayBytes: 0 };
    if (this.#hasEnded || (terminal !== undefined && !this.#connect(client, terminal, first))) {
      this.#clients.delete(number);
      client.close();
      throw new TermshimError('ERR_STATE_INVALID', `${process.options.name} has ended`);
    }
    onEvent('attach', number);
    if (isResized) onEvent('resize', number);
    else if (replay) this.#askForRedraw();
    return number;
  }

  /** As `Recordings.add`. The recording begins with the screen. */
  async record(request: RecordingRequest, signal: AbortSignal): Promise<void> {
    await this.recordings.add(request, signal);
    this.#askForRedraw();
  }

  /** Throws NotFound if there is no such client, as `detach` and `setPolicy` do. */
  resize(number: number, window: Size): void {
    const client = this.#client(number);
    client.window = window;
    client.typedAt = ++this.#lastTyped;
    this.#changed(number);
  }

  detach(number: number): void {
    this.#remove(this.#client(number));
  }

  /** Throws ERR_STATE_INVALID if the process has ended. */
  setPolicy(policy: SizePolicy): void {
    const { options, state } = this.#options.process;
    if (state === 'stopped') {
      throw new TermshimError('ERR_STATE_INVALID', `${options.name} is stopped and cannot be resized`);
    }
    if (typeof policy === 'number') this.#client(policy);
    this.#policy = policy;
    this.#changed(0);
  }

  #client(number: number): Client {
    const client = this.#clients.get(number);
    if (client !== undefined) return client;
    throw new RpcError(Code.NotFound, `${this.#options.process.options.name} has no client ${number}`);
  }

  #connect(
    client: Client,
    terminal: TerminalSession,
    first: Pick<FollowOptions, 'firstBytes' | 'replayBytes'>,
  ): boolean {
    return client.connect(terminal, { ...first, onSkipped: (bytes) => this.#skipped(bytes, client, terminal) });
  }

  /** What a new client gets first: the screen, or the recent output. */
  #present(terminal: TerminalSession): Pick<FollowOptions, 'firstBytes' | 'replayBytes'> {
    if (this.#screen !== undefined)
      return { firstBytes: this.#paint(terminal, nothing, maxReplayBytes), replayBytes: 0 };
    const notice = this.#screenFailure === undefined ? nothing : screenLostNotice(this.#screenFailure);
    return { firstBytes: { bytes: notice }, replayBytes: tailOf(terminal, maxReplayBytes).length };
  }

  /** What a recording gets first; nothing if the terminal has no output yet. */
  async #shown(terminal: TerminalSession): Promise<Uint8Array> {
    if (terminal.stdoutBytes === 0) return nothing;
    const { bytes, upTo = 0 } = await this.#paint(terminal, nothing, maxReplayBytes);
    const since = terminal.broadcast.bytes - upTo;
    const rest = terminal.broadcast.recent(since);
    return rest.length === since ? Buffer.concat([bytes, rest]) : tailOf(terminal, maxReplayBytes);
  }

  #skipped(bytes: number, { window }: Client, terminal: TerminalSession): FirstBytes | Promise<FirstBytes> {
    if (this.#screen !== undefined) {
      // The snapshot paints over the screen, so these lines push the notice into the scrollback of the client's
      // terminal.
      const push = Buffer.alloc(Math.max(window.rows, terminal.size.rows), '\n');
      return this.#paint(terminal, Buffer.concat([skippedNotice(bytes), push]), skippedReplayBytes);
    }
    const tail = tailOf(terminal, skippedReplayBytes);
    this.#askForRedraw();
    return { bytes: Buffer.concat([skippedNotice(bytes - tail.length), tail]) };
  }

  /** `before` and then the screen, or the recent output if the screen is no longer kept. */
  async #paint(terminal: TerminalSession, before: Uint8Array, tailBytes: number): Promise<FirstBytes> {
    const picture = await this.#screen?.picture();
    if (picture !== undefined) return { bytes: Buffer.concat([before, picture.bytes]), upTo: picture.at };
    const notice = this.#screenFailure === undefined ? nothing : screenLostNotice(this.#screenFailure);
    this.#askForRedraw();
    return { bytes: Buffer.concat([before, notice, tailOf(terminal, tailBytes)]), upTo: terminal.broadcast.bytes };
  }

  /** Does nothing if the screen is kept, or if the program has written nothing. */
  #askForRedraw(): void {
    const { state, terminal } = this.#options.process;
    const hasDrawn = state === 'running' && terminal !== undefined && terminal.stdoutBytes > 0;
    if (this.#screen === undefined && hasDrawn) this.#redraw.ask();
  }

  #typed(client: Client): void {
    if (client.typedAt === this.#lastTyped) return;
    client.typedAt = ++this.#lastTyped;
    this.#changed(client.number);
  }

  #left(client: Client, failure: Error | undefined): void {
    if (failure !== undefined) this.#options.onError(failure);
    this.#remove(client);
  }

  #remove(client: Client): void {
    if (!this.#clients.delete(client.number)) return;
    client.close();
    // No other client will ever have its number.
    if (this.#policy === client.number) this.#policy = 'latest';
    this.#options.onEvent('detach', client.number);
    this.#changed(client.number);
  }

  /** @param cause the number of a client, or 0 */
  #changed(cause: number): void {
    if (this.#applySize()) this.#options.onEvent('resize', cause);
  }

  /** Returns whether it changed the terminal's size. */
  #applySize(): boolean {
    const { process } = this.#options;
    const windows = Array.from(this.#clients.values(), (client) => client.describeWindow());
    const wanted = chooseSize(this.#policy, windows);
    const { size } = this;
    if (wanted === undefined || process.exit !== undefined) return false;
    if (size !== undefined && isSameSize(wanted, size)) return false;
    this.#redraw.cancel();
    process.resize(wanted);
    return true;
  }

  #screenLost(reason: string): void {
    const { process, onEvent, onError } = this.#options;
    this.#screen = undefined;
    this.#screenFailure = reason;
    onError(new TermshimError('ERR_SCREEN_LOST', `the screen of ${process.options.name} is no longer kept: ${reason}`));
    onEvent('screen-lost', 0);
  }

  /** Clients that are connected get the rest of the output before they leave. */
  #end(): void {
    this.#hasEnded = true;
    this.#redraw.cancel();
    this.recordings.close();
    this.#screen?.close();
    this.#screen = undefined;
    for (const client of this.#clients.values()) if (!client.isConnected) this.#remove(client);
  }
}

const nothing = new Uint8Array();
