/**
 * Undoes changes at the exit of the process, if their owners have not. A process that a signal kills runs none of this,
 * so a program that must leave nothing behind handles the signals.
 */

/** Calls `undo` when the process exits, unless the returned function was called before. */
export function atExit(undo: () => void): () => void {
  if (pending.size === 0) process.on('exit', undoAll);
  pending.add(undo);
  return () => {
    pending.delete(undo);
    if (pending.size === 0) process.off('exit', undoAll);
  };
}

/** They share one listener, because Node warns of a leak if an event has more than ten. */
const pending = new Set<() => void>();

function undoAll(): void {
  const errors: unknown[] = [];
  for (const undo of pending) {
    try {
      undo();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
