/**
 * The tasks of a daemon. The daemon stays alive as long as it has containers, creations that are under way, or
 * reservations. `start` makes a reservation for a container that containerd will create next.
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
  /** How many tasks, creations, removals and reservations keep the daemon alive. */
  readonly count: number;
  /** Throws ERR_ID_IN_USE, and what `createTask` throws. If `signal` aborts it, nothing is left. */
  create(request: CreateTaskRequest, signal: AbortSignal): Promise<Task>;
  /** Drops a task whose container was deleted, and releases its mounts. Does nothing if it was dropped before. */
  remove(task: Task): Promise<void>;
  /**
   * Keeps the daemon alive until the container is created, for at most 60 s. Returns a function that takes this
   * reservation back. Throws Unavailable if the daemon is about to end.
   */
  reserve(id: string): () => void;
  /** Takes a reservation back, and aborts a creation that is under way. Settles when nothing of it is left. */
  giveUp(id: string): Promise<void>;
  /** Tracks a removal, so that `settle` waits for it. Returns `work`. */
  leaving<T>(work: Promise<T>): Promise<T>;
  /** Settles when all removals, and creations that were aborted, have ended. */
  settle(): Promise<void>;
  /**
   * Asks the daemon to end. It ends as soon as nothing keeps it alive. The request is forgotten if there is a task, or
   * if one is created before.
   */
  shutdown(): void;
}

export interface TasksOptions extends Omit<TaskContext, 'joinCgroup'> {
  /** No container is created before this settles. It must not reject. */
  ready?: Promise<void>;
  /** Called once, when `shutdown` was called and nothing keeps the daemon alive. */
  onEnd: () => void;
  /** Called whenever `count` may have changed. */
  onChange?: () => void;
}

/** containerd calls Create within milliseconds of `start`. If containerd dies in between, it never does. */
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
        throw new TermshimError('ERR_ID_IN_USE', `the container ${id} already exists`);
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
      // `settle` waits for a creation that was aborted.
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
      if (hasEnded) throw new RpcError(Code.Unavailable, 'the daemon is stopping');
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
      creation?.abort.abort(new RpcError(Code.Aborted, `the creation of the container ${id} was cancelled`));
      if (creation !== undefined) await leaving(creation.settled);
    },
    leaving,
    async settle() {
      await Promise.allSettled(removals);
    },
    shutdown() {
      // containerd calls Shutdown after each container that it deletes, even if there are others.
      isEndAsked = tasks.size === 0;
      endIfEmpty();
    },
  };
}
