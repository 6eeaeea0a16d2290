/** A peer of the benchmark: a program that copies consoles, and what the harness can ask of it. */

/** What runs behind a console; see program.c. */
export type ProgramCall = readonly ['echo'] | readonly ['flood' | 'tail', bytes: number];

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
