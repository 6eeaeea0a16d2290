/** The measuring side, client.c, as functions. */
import { builtProgram, runJson } from './child.js';
import type { BenchConsole, RunningPeer } from './rounds.js';

export interface EchoResult {
  p50Us: number;
  p99Us: number;
  /** Round trips, the warm-up included. */
  trips: number;
  /** Whether each came back, in time and unchanged. */
  isComplete: boolean;
}

export interface FloodResult {
  seconds: number;
  bytes: number;
  lostBytes: number;
  /** The position of the first byte that was not the one that was sent, -1 if there is none. */
  firstBad: number;
}

const warmUp = 200;

export async function echo(peer: RunningPeer, console: BenchConsole, count: number): Promise<EchoResult> {
  const { p50 = 0, p99 = 0, count: done = 0 } = await client(peer, 'echo', console, count);
  return { p50Us: p50 / 1e3, p99Us: p99 / 1e3, trips: done + warmUp, isComplete: done === count };
}

export async function flood(peer: RunningPeer, console: BenchConsole, expected: number): Promise<FloodResult> {
  const { seconds = 0, bytes = 0, firstBad = -1 } = await client(peer, 'flood', console, expected);
  return { seconds, bytes, lostBytes: expected - bytes, firstBad };
}

function client(peer: RunningPeer, verb: string, console: BenchConsole, amount: number) {
  const { stdinPath, stdoutPath } = console;
  return runJson([...peer.placement.prefix, builtProgram('client'), verb, stdinPath, stdoutPath, `${amount}`]);
}
