/** Rounds in which the peers take turns (A B C A B C), so that a slow moment of the machine does not hit only one. */
import { messageOf } from '../../src/errors/errors.js';
import type { Closable, Peer, Placement, RunningPeer } from './peer.js';
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

/** Each peer is started once and plays all its rounds warm. One that fails is left out of the rest, with a note. */
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
