/** Makes containerd's messages of a task's events. */
import {
  TaskCheckpointed,
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskOOM,
  TaskPaused,
  TaskResumed,
  TaskStart,
} from '../ttrpc/gen/containerd/task-events.js';
import type { CreateTaskRequest } from '../ttrpc/gen/containerd/task.js';
import type { Any } from '../ttrpc/gen/google/protobuf/any.js';
import type { TaskEvent } from '../task/event.js';
import { timestampOf, packAny, type MessageType } from '../ttrpc/message.js';

export interface EventMessage {
  /** Such as `/tasks/start`. */
  topic: string;
  event: Any;
}

/** @param request the Create request of the container */
export function eventMessage(event: TaskEvent, request: CreateTaskRequest): EventMessage {
  const containerId = request.id;
  switch (event.kind) {
    case 'create': {
      const { bundle, rootfs, checkpoint, stdin, stdout, stderr, terminal } = request;
      const io = { stdin, stdout, stderr, terminal };
      return pack('/tasks/create', TaskCreate, { containerId, bundle, rootfs, io, checkpoint, pid: event.pid });
    }
    case 'start':
      return pack('/tasks/start', TaskStart, { containerId, pid: event.pid });
    case 'exec-added':
      return pack('/tasks/exec-added', TaskExecAdded, { containerId, execId: event.execId });
    case 'exec-started':
      return pack('/tasks/exec-started', TaskExecStarted, { containerId, execId: event.execId, pid: event.pid });
    case 'exit': {
      const { execId, pid, exit } = event;
      const id = execId === '' ? containerId : execId;
      return pack('/tasks/exit', TaskExit, {
        containerId,
        id,
        pid,
        exitStatus: exit.status,
        exitedAt: timestampOf(exit.at.getTime()),
      });
    }
    case 'delete': {
      const { pid, exit } = event;
      const exitedAt = timestampOf(exit.at.getTime());
      return pack('/tasks/delete', TaskDelete, { containerId, pid, exitStatus: exit.status, exitedAt, id: '' });
    }
    case 'oom':
      return pack('/tasks/oom', TaskOOM, { containerId });
    case 'paused':
      return pack('/tasks/paused', TaskPaused, { containerId });
    case 'resumed':
      return pack('/tasks/resumed', TaskResumed, { containerId });
    case 'checkpointed':
      return pack('/tasks/checkpointed', TaskCheckpointed, { containerId, checkpoint: event.path });
  }
}

function pack<T>(topic: string, type: MessageType<T>, message: T): EventMessage {
  return { topic, event: packAny<T>(type, message) };
}
