/**
 * What must be undone if the process exits before its owner has done it. A process that a signal ends runs none of it:
 * whoever must not leave anything behind handles the signals.
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

/** One listener for them all: Node warns of a leak when one event has more than ten. */
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
