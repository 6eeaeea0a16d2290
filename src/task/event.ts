/** The events of a container's life. */
import type { Exit } from './launch.js';

/**
 * An event of a container's life. Events come in the order in which things happen; the exit of the init is the last
 * exit. `pid` is the pid as this host sees it; `execId` is empty for the init.
 */
export type TaskEvent =
  | { kind: 'create'; pid: number }
  | { kind: 'start'; pid: number }
  | { kind: 'exec-added'; execId: string }
  | { kind: 'exec-started'; execId: string; pid: number }
  | { kind: 'exit'; execId: string; pid: number; exit: Exit }
  | { kind: 'delete'; pid: number; exit: Exit }
  | { kind: 'oom' }
  | { kind: 'paused' }
  | { kind: 'resumed' }
  | { kind: 'checkpointed'; path: string };
