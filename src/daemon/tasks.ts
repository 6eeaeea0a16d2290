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
  return new TaskRegistry(options);
}

class TaskRegistry implements Tasks {
  readonly #options: TasksOptions;
  readonly #context: TaskContext;
  readonly #tasks = new Map<string, Task>();
  readonly #creations = new Map<string, Creation>();
  readonly #removals = new Set<Promise<unknown>>();
  readonly #reservations = new Map<string, NodeJS.Timeout>();
  #releasing = 0;
  #isEndAsked = false;
  #hasEnded = false;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#context = { ...options, joinCgroup: cgroupJoiner() };
  }

  get count(): number {
    return this.#tasks.size + this.#creations.size + this.#reservations.size + this.#releasing;
  }

  get(id: string): Task {
    const task = this.#tasks.get(id);
    if (task !== undefined) return task;
    throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no container ${id}`);
  }

  find(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  list(): Task[] {
    return [...this.#tasks.values()];
  }

  async create(request: CreateTaskRequest, signal: AbortSignal): Promise<Task> {
    const { id } = request;
    if (this.#tasks.has(id) || this.#creations.has(id)) {
      throw new TermshimError('ERR_ID_IN_USE', `the container ${id} already exists`);
    }
    const abort = new AbortController();
    const made = this.#make(request, AbortSignal.any([signal, abort.signal]));
    const settled = Promise.allSettled([made]);
    this.#creations.set(id, { abort, settled });
    this.#changed();
    // `settle` waits for a creation that was aborted.
    signal.addEventListener('abort', () => void this.leaving(settled), { once: true });
    try {
      const task = await made;
      this.#tasks.set(id, task);
      this.#isEndAsked = false;
      return task;
    } finally {
      this.#creations.delete(id);
      this.#unreserve(id);
      this.#endIfEmpty();
    }
  }

  async remove(task: Task): Promise<void> {
    const { id } = task.request;
    if (this.#tasks.get(id) !== task) return;
    this.#tasks.delete(id);
    this.#releasing++;
    try {
      await this.leaving(task.release());
    } finally {
      this.#releasing--;
      this.#changed();
      this.#endIfEmpty();
    }
  }

  reserve(id: string): () => void {
    if (this.#hasEnded) throw new RpcError(Code.Unavailable, 'the daemon is stopping');
    clearTimeout(this.#reservations.get(id));
    const timer = setTimeout(() => this.#unreserve(id), reservationMs);
    this.#reservations.set(id, timer);
    this.#changed();
    return () => {
      if (this.#reservations.get(id) === timer) this.#unreserve(id);
    };
  }

  async giveUp(id: string): Promise<void> {
    this.#unreserve(id);
    const creation = this.#creations.get(id);
    creation?.abort.abort(new RpcError(Code.Aborted, `the creation of the container ${id} was cancelled`));
    if (creation !== undefined) await this.leaving(creation.settled);
  }

  leaving<T>(work: Promise<T>): Promise<T> {
    this.#removals.add(work);
    return work.finally(() => this.#removals.delete(work));
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#removals);
  }

  shutdown(): void {
    // containerd calls Shutdown after each container that it deletes, even if there are others.
    this.#isEndAsked = this.#tasks.size === 0;
    this.#endIfEmpty();
  }

  async #make(request: CreateTaskRequest, signal: AbortSignal): Promise<Task> {
    await this.#options.ready;
    const task = await createTask(request, this.#context, signal);
    if (!signal.aborted) return task;
    await task.container.destroy();
    await task.release();
    throw signal.reason;
  }

  #changed(): void {
    this.#options.onChange?.();
  }

  #unreserve(id: string): void {
    clearTimeout(this.#reservations.get(id));
    if (this.#reservations.delete(id)) this.#endIfEmpty();
    this.#changed();
  }

  #endIfEmpty(): void {
    if (!this.#isEndAsked || this.#hasEnded || this.count > 0) return;
    this.#hasEnded = true;
    this.#options.onEnd();
  }
}
