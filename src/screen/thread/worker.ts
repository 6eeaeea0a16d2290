/**
 * The program of the emulators' thread: does the work that src/screen/thread/thread.ts orders, in turns for all its
 * screens. It may be ended at any moment.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type Answer, busyScreen, type Order, turnCount } from './messages.js';
import { loadScreens, mostWeight, type Screen } from '../screen.js';
import { ownThread } from './thread-time.js';

/** How long to work on a screen before the others have their turn, and on all screens before taking new orders. */
const screenMs = 2;
const turnMs = 8;
/** The highest weight of all screens together. */
const mostTotalWeight = 8 * mostWeight;

const shared = new Int32Array(workerData as SharedArrayBuffer);
const screens = new Map<number, Screen>();
const busy = new Set<number>();
let turn: NodeJS.Immediate | undefined;
let openScreen: Awaited<ReturnType<typeof loadScreens>>;

void start();

async function start(): Promise<void> {
  openScreen = await loadScreens();
  parentPort?.on('message', obey);
  tell({ kind: 'ready', thread: ownThread() });
}

function obey(order: Order): void {
  if (order.kind === 'open') return workFor(order.id, () => open(order));
  if (order.kind === 'close') return close(order.id);
  screens.get(order.id)?.order(order);
  askForTurn(order.id);
}

function askForTurn(id: number): void {
  busy.add(id);
  turn ??= setImmediate(takeTurn);
}

function tell(answer: Answer): void {
  const isPicture = answer.kind === 'picture' || answer.kind === 'checkpoint';
  parentPort?.postMessage(answer, isPicture ? [answer.picture.bytes.buffer as ArrayBuffer] : []);
}

/** Does the work for a screen. If that takes too long, the main thread sees which screen it is. */
function workFor(id: number, work: () => void): void {
  Atomics.add(shared, turnCount, 1);
  Atomics.store(shared, busyScreen, id);
  try {
    work();
  } catch (error) {
    lose(id, `the emulator has failed: ${String(error)}`);
  }
  Atomics.store(shared, busyScreen, 0);
}

function lose(id: number, reason: string): void {
  close(id);
  tell({ kind: 'lost', id, reason });
}

function close(id: number): void {
  screens.get(id)?.close();
  screens.delete(id);
  busy.delete(id);
}

function open({ id, size, at, picture }: Order & { kind: 'open' }): void {
  const screen = openScreen({
    size,
    at: at - (picture?.length ?? 0),
    onPicture: (taken) => tell({ kind: 'picture', id, picture: taken }),
    onCheckpoint: (taken) => tell({ kind: 'checkpoint', id, picture: taken }),
    onLost: (reason) => lose(id, reason),
  });
  screens.set(id, screen);
  if (picture === undefined) return;
  screen.order({ kind: 'bytes', bytes: picture });
  askForTurn(id);
}

function limitTotal(): void {
  const all = [...screens];
  const total = all.reduce((sum, [, { weight }]) => sum + weight, 0);
  if (total <= mostTotalWeight) return;
  const [id] = all.reduce((a, b) => (b[1].weight > a[1].weight ? b : a));
  lose(id, 'the screens of all sessions take too much memory, and this one is the largest');
}

function takeTurn(): void {
  const until = performance.now() + turnMs;
  for (const id of busy) {
    busy.delete(id);
    workFor(id, () => {
      const screen = screens.get(id);
      const cost = screen?.work(performance.now() + screenMs) ?? 0;
      limitTotal();
      if (cost > 0) tell({ kind: 'worked', id, cost });
      if (screen?.isBusy) busy.add(id);
    });
    if (performance.now() >= until) break;
  }
  turn = busy.size > 0 ? setImmediate(takeTurn) : undefined;
}
