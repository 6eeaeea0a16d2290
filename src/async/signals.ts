/** Signals that this process gets. */

/** The signals by which a terminal, a shell or a service manager ends a program. */
export const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Calls `handle` for each of the signals, which do nothing else then. Returns how to stop. */
export function onSignals<S extends NodeJS.Signals>(names: readonly S[], handle: (name: S) => void): () => void {
  const listener = (name: NodeJS.Signals): void => handle(name as S);
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
}
