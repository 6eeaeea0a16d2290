/** What is told of a container's life, in the order in which it happens. */
import type { Exit } from './launch.js';

export type TaskEvent =
  | { kind: 'create'; pid: number }
  | { kind: 'start'; pid: number }
  | { kind: 'exec-added'; execId: string }
  | { kind: 'exec-started'; execId: string; pid: number }
  /** A container's init is always the last of its processes. */
  | { kind: 'exit'; execId: string; pid: number; exit: Exit }
  | { kind: 'delete'; pid: number; exit: Exit }
  | { kind: 'oom' }
  | { kind: 'paused' }
  | { kind: 'resumed' }
  | { kind: 'checkpointed'; path: string };
