/** Sections, their rows and peers, and the rounds in which the peers take turns. */
import { messageOf } from '../../src/errors/errors.js';
import type { Report } from './report.js';

/** What a row needs. */
export interface Bench<R extends Closable = RunningPeer> {
  readonly peers: readonly Peer<R>[];
  /** A smoke test: it runs everything, and its figures mean nothing. */
  readonly isQuick: boolean;
  readonly report: Report;
}

/** Adds a figure of the peer whose turn it is. */
export type Add = (title: string, unit: string, value: number) => void;

/**
 * The peers take turns (A B C A B C), so that a slow moment of the machine does not hit only one. Each peer is started
 * once and plays all its rounds warm. One that fails is left out of the rest, with a note.
 */
export async function playRounds<R extends Closable>(
  { peers, report }: Bench<R>,
  placement: Placement,
  rounds: number,
  play: (peer: R, add: Add, name: string) => Promise<void>,
): Promise<void> {
  const running = new Map<Peer<R>, R>();
  const attempt = async (peer: Peer<R>, body: () => Promise<void>): Promise<void> => {
    try {
      await body();
    } catch (error) {
      report.note(`${peer.name} failed: ${messageOf(error)}`);
      await running.get(peer)?.close();
      running.delete(peer);
    }
  };
  for (const peer of peers) {
    await attempt(peer, async () => void running.set(peer, await peer.start(placement)));
  }
  for (let round = 0; round < rounds; round++) {
    for (const [peer, started] of running) {
      const add: Add = (title, unit, value) => report.add(title, unit, peer.name, value);
      await attempt(peer, () => play(started, add, peer.name));
    }
  }
  for (const started of running.values()) await started.close();
}

/** A table of the benchmark: peers that can be compared with one another, and the rows that compare them. */
export interface Section {
  /** The peer that the ratios are to. */
  readonly limit: string;
  readonly peers: readonly { readonly name: string; readonly remark?: string }[];
  /** Why nothing of it can be measured on this machine. */
  readonly obstacle?: string | undefined;
  /** By the names that `--rows` has. */
  readonly rows: Readonly<Record<string, (run: Run) => Promise<void>>>;
}

export interface Run {
  readonly report: Report;
  /** A smoke test: it runs everything, and its figures mean nothing. */
  readonly isQuick: boolean;
}

/** What runs behind a console; see program.c. */
export type ProgramCall = readonly ['echo'] | readonly ['flood' | 'tail', bytes: number];

/** A program that copies consoles. */
export interface Peer<R extends Closable = RunningPeer> {
  readonly name: string;
  /** How many consoles the row that needs many may open. */
  readonly mostConsoles: number;
  /** What a reader of the table has to know. */
  readonly remark?: string;
  start(placement: Placement): Promise<R>;
}

export interface Closable {
  close(): Promise<void>;
}

/** Words to put in front of a command, so that it runs where it should. */
export interface Placement {
  readonly prefix: readonly string[];
}

/** What the harness can ask of it. */
export interface RunningPeer extends Closable {
  readonly placement: Placement;
  /** The processes that copy. */
  pids(): readonly number[];
  open(program: ProgramCall): Promise<BenchConsole>;
  /** Adds consoles on which nothing happens after a prompt was shown. */
  openIdle(count: number): Promise<void>;
}

export interface BenchConsole {
  /** For the client: two FIFOs, or twice the path of an attach socket. */
  readonly stdinPath: string;
  readonly stdoutPath: string;
  /** Ends the program, and waits until the peer says that the copy has ended. */
  end(): Promise<void>;
}
