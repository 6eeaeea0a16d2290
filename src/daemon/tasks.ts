/**
 * The containers of a daemon, and what keeps it alive: containers, those that are being created, and reservations, which
 * `start` makes for a container that containerd will create next.
 */
import { TermshimError } from '../errors/errors.js';
import { Code, RpcError } from '../ttrpc/status.js';
import type { CreateTaskRequest } from '../ttrpc/gen/containerd/task.js';
import { cgroupJoiner } from './join-cgroup.js';
import { createTask, type Task, type TaskContext } from './task.js';

export interface Tasks {
  /** Throws ERR_PROCESS_NOT_FOUND. */
  get(id: string): Task;
  find(id: string): Task | undefined;
  /** In the order in which they were created. */
  list(): Task[];
  /** How many keep the daemon. */
  readonly count: number;
  /** Throws ERR_ID_IN_USE, and what `createTask` throws. If `signal` calls it off, nothing of it stays. */
  create(request: CreateTaskRequest, signal: AbortSignal): Promise<Task>;
  /** Drops a task whose container has been deleted, and lets go of its mounts. Nothing if it was dropped before. */
  remove(task: Task): Promise<void>;
  /**
   * Stays until the container is created, or for a while. Returns how to take just this reservation back. Throws
   * Unavailable if the daemon is about to end.
   */
  reserve(id: string): () => void;
  /** Takes a reservation back, and ends a creation that is under way: settles when nothing of it is left. */
  giveUp(id: string): Promise<void>;
  /** What is being removed still counts; whoever asks how many there are may wait for `settle`. */
  leaving<T>(work: Promise<T>): Promise<T>;
  /** Settles when nothing is being removed any more, or given up. */
  settle(): Promise<void>;
  /** Asks for the end. It comes at once if nothing is here, or when the last reservation has run out; else it is forgotten. */
  shutdown(): void;
}

export interface TasksOptions extends Omit<TaskContext, 'joinCgroup'> {
  /** No container is created before. It does not fail. */
  ready?: Promise<void>;
  /** Called once, when the end was asked for and nothing is here. */
  onEnd: () => void;
  /** Called whenever `count` may be another. */
  onChange?: () => void;
}

/** containerd calls Create within milliseconds of `start`; if it died between them it never does. */
const reservationMs = 60_000;

interface Creation {
  abort: AbortController;
  settled: Promise<unknown>;
}

export function createTasks(options: TasksOptions): Tasks {
  const tasks = new Map<string, Task>();
  const creations = new Map<string, Creation>();
  const removals = new Set<Promise<unknown>>();
  const reservations = new Map<string, NodeJS.Timeout>();
  const { ready = Promise.resolve() } = options;
  const context: TaskContext = { ...options, joinCgroup: cgroupJoiner() };
  let releasing = 0;
  let isEndAsked = false;
  let hasEnded = false;

  const count = (): number => tasks.size + creations.size + reservations.size + releasing;
  const changed = (): void => options.onChange?.();
  const unreserve = (id: string): void => {
    clearTimeout(reservations.get(id));
    if (reservations.delete(id)) endIfEmpty();
    changed();
  };
  const leaving = <T>(work: Promise<T>): Promise<T> => {
    removals.add(work);
    return work.finally(() => removals.delete(work));
  };
  const endIfEmpty = (): void => {
    if (!isEndAsked || hasEnded || count() > 0) return;
    hasEnded = true;
    options.onEnd();
  };

  return {
    get(id) {
      const task = tasks.get(id);
      if (task !== undefined) return task;
      throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no container ${id}`);
    },
    find: (id) => tasks.get(id),
    list: () => [...tasks.values()],
    get count() {
      return count();
    },
    async create(request, signal) {
      const { id } = request;
      if (tasks.has(id) || creations.has(id)) {
        throw new TermshimError('ERR_ID_IN_USE', `there is a container ${id} already`);
      }
      const abort = new AbortController();
      const calledOff = AbortSignal.any([signal, abort.signal]);
      const create = async (): Promise<Task> => {
        await ready;
        const task = await createTask(request, context, calledOff);
        if (!calledOff.aborted) return task;
        await task.container.destroy();
        await task.release();
        throw calledOff.reason;
      };
      const made = create();
      const settled = Promise.allSettled([made]);
      creations.set(id, { abort, settled });
      changed();
      // Whoever asks how many there are waits for the end of what was called off.
      signal.addEventListener('abort', () => void leaving(settled), { once: true });
      try {
        const task = await made;
        tasks.set(id, task);
        isEndAsked = false;
        return task;
      } finally {
        creations.delete(id);
        unreserve(id);
        endIfEmpty();
      }
    },
    async remove(task) {
      const { id } = task.request;
      if (tasks.get(id) !== task) return;
      tasks.delete(id);
      releasing++;
      try {
        await leaving(task.release());
      } finally {
        releasing--;
        changed();
        endIfEmpty();
      }
    },
    reserve(id) {
      if (hasEnded) throw new RpcError(Code.Unavailable, 'the daemon is about to end');
      clearTimeout(reservations.get(id));
      const timer = setTimeout(() => unreserve(id), reservationMs);
      reservations.set(id, timer);
      changed();
      return () => {
        if (reservations.get(id) === timer) unreserve(id);
      };
    },
    async giveUp(id) {
      unreserve(id);
      const creation = creations.get(id);
      creation?.abort.abort(new RpcError(Code.Aborted, `the container ${id} was given up while it was created`));
      if (creation !== undefined) await leaving(creation.settled);
    },
    leaving,
    async settle() {
      await Promise.allSettled(removals);
    },
    shutdown() {
      // containerd asks for it after each container that is deleted, be there others or not.
      isEndAsked = tasks.size === 0;
      endIfEmpty();
    },
  };
}
