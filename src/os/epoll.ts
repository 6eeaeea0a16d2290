/**
 * Waits for events on descriptors: one edge-triggered epoll set for each thread, however many descriptors there are.
 *
 * Edge-triggered means that an event is reported once, so a listener reads or writes until EAGAIN before it waits again
 * (epoll(7)). A level-triggered set would spin on the EPOLLHUP of a pty master whose slave no process has open.
 */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { check, systemError } from '../errors/errors.js';

/** There is something to read. */
export const EPOLLIN = 0x001;
/** There is an exceptional condition, such as a change of a cgroup file. */
export const EPOLLPRI = 0x002;
/** There is room to write. */
export const EPOLLOUT = 0x004;
/** The last reader of a pipe has closed it. Always reported. */
export const EPOLLERR = 0x008;
/** The last writer of a pipe, or the last process with the tty open, has closed it. Always reported. */
export const EPOLLHUP = 0x010;

/** Events of one descriptor. The watch keeps the process alive until it is closed. */
export interface Watch {
  /** Changes the events to watch for. Events that are already true are reported again. */
  change(events: number): void;
  /** Stops the events. Idempotent; call it before you close the descriptor. */
  close(): void;
}

/** A watch whose descriptor is the source of a pump of the addon. */
export interface PumpWatch extends Watch {
  /**
   * Lets the pump serve the descriptor: at an EPOLLIN without other events the addon runs the pump at once, for at most
   * `budgetUs`. If the pump stops for another reason than an empty source, `onAnswer` is called instead of the
   * listener, with the answer of `pump_run`. Call `stopServing` before you destroy the pump.
   */
  serve(pump: number, budgetUs: number, onAnswer: (answer: number) => void): void;
  /** The listener gets all events again. Idempotent. */
  stopServing(): void;
}

/**
 * Calls `listener` with the events of `fd`, beginning with those that are already true. Events are edge-triggered: read
 * or write until EAGAIN before you wait for the next one. The caller still owns the descriptor.
 *
 * @param events bits such as `EPOLLIN | EPOLLOUT`
 * @returns undefined for a file that epoll refuses because it is always ready (a regular file, /dev/null)
 */
export function watch(fd: number, events: number, listener: (events: number) => void): Watch | undefined {
  return watchForPump(fd, events, listener);
}

/** As `watch`, for a descriptor that is the source of a pump. */
export function watchForPump(fd: number, events: number, listener: (events: number) => void): PumpWatch | undefined {
  if (set.events === undefined) createSet();
  const slot = set.freeSlots.pop() ?? set.slots.length;
  const generation = ((set.slots[slot]?.generation ?? 0) + 1) & 0x7fffffff;
  const answer = addon.epoll_add(fd, events, slot, generation);
  set.slots[slot] = { generation, listener: answer < 0 ? undefined : listener, onAnswer: undefined };
  if (answer < 0) {
    set.freeSlots.push(slot);
    if (answer === -constants.errno.EPERM) return undefined;
    throw systemError(answer, 'epoll_ctl', `watch descriptor ${fd}`);
  }
  if (++set.watched === 1) addon.epoll_ref(true);
  return {
    change: (wanted) => {
      if (isWatched(slot, generation)) addon.epoll_modify(fd, wanted, slot, generation);
    },
    serve(pump, budgetUs, onAnswer) {
      const served = set.slots[slot];
      if (served === undefined || !isWatched(slot, generation)) return;
      check(addon.epoll_serve(slot, pump, budgetUs), 'malloc', `serve descriptor ${fd}`);
      served.onAnswer = onAnswer;
    },
    stopServing() {
      if (isWatched(slot, generation)) stopServing(slot);
    },
    close: () => forget(fd, slot, generation),
  };
}

/**
 * An event may still be in the batch when its watch is closed. It has the generation of that watch, so it is ignored,
 * even if another descriptor has got the slot.
 */
interface Slot {
  generation: number;
  listener: ((events: number) => void) | undefined;
  /** Only while a pump serves the descriptor. */
  onAnswer: ((answer: number) => void) | undefined;
}

const set = {
  events: undefined as Uint32Array | undefined,
  slots: [] as Slot[],
  freeSlots: [] as number[],
  watched: 0,
};

const eventsPerWakeUp = 256;
const fieldsPerEvent = 4;
const notServed = 2 ** 32 - 1;

function createSet(): void {
  const events = new Uint32Array(fieldsPerEvent * eventsPerWakeUp);
  check(
    addon.epoll_create(events, (count) => dispatch(events, count)),
    'epoll_create1',
    'create an epoll set',
  );
  set.events = events;
}

/** An exception of a listener stays uncaught, but the rest of the batch is dispatched, because an edge comes once. */
function dispatch(events: Uint32Array, count: number): void {
  for (let i = 0; i < fieldsPerEvent * count; i += fieldsPerEvent) {
    const slot = set.slots[events[i] as number];
    if (slot === undefined || slot.generation !== events[i + 1]) continue;
    const answer = events[i + 3] as number;
    try {
      if (answer === notServed) slot.listener?.(events[i + 2] as number);
      else slot.onAnswer?.(answer);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function isWatched(index: number, generation: number): boolean {
  const slot = set.slots[index];
  return slot?.generation === generation && slot.listener !== undefined;
}

function forget(fd: number, index: number, generation: number): void {
  const slot = set.slots[index];
  if (slot === undefined || !isWatched(index, generation)) return;
  stopServing(index);
  slot.listener = undefined;
  set.freeSlots.push(index);
  addon.epoll_remove(fd);
  if (--set.watched === 0) addon.epoll_ref(false);
}

function stopServing(index: number): void {
  const slot = set.slots[index];
  if (slot?.onAnswer === undefined) return;
  addon.epoll_serve(index, -1, 1);
  slot.onAnswer = undefined;
}
