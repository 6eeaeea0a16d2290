/**
 * Requests that containerd-shim-runc-v2 forgets if it gets them before Start: the size of the terminal, which does not
 * exist yet, and the end of stdin. They are sent again after Start.
 */
import type { CloseIORequest, ResizePtyRequest } from '../../ttrpc/gen/containerd/task.js';
import type { Task } from './shims.js';
import { type ProcessIds } from '../connection.js';

export interface DeferredRequests {
  resize(request: Partial<ResizePtyRequest>): void;
  closeInput(request: Partial<CloseIORequest>): void;
  /** Call it when the process has started. */
  send(task: Task, ids: ProcessIds): Promise<void>;
}

export function createDeferredRequests(): DeferredRequests {
  const sizes = new Map<string, Partial<ResizePtyRequest>>();
  const ends = new Map<string, Partial<CloseIORequest>>();
  const keyOf = ({ id = '', execId = '' }: Partial<ProcessIds>): string => `${id}/${execId}`;
  return {
    resize: (request) => void sizes.set(keyOf(request), request),
    closeInput: (request) => void ends.set(keyOf(request), request),
    async send(task, ids) {
      const key = keyOf(ids);
      const [size, end] = [sizes.get(key), ends.get(key)];
      // The process may have ended already.
      if (size !== undefined) await task.resizePty(size).catch(() => {});
      if (end !== undefined) await task.closeIO(end).catch(() => {});
    },
  };
}
