/** Finds out that a daemon has been idle for some time. */

export interface IdleOptions {
  /** Undefined: `onIdle` is never called. */
  idleMs: number | undefined;
  isIdle: () => boolean;
  onIdle: () => void;
}

/** Call `changed` whenever the answer of `isIdle` may have changed. If that is true, the time starts anew. */
export function watchIdle({ idleMs, isIdle, onIdle }: IdleOptions): { changed(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    changed() {
      clearTimeout(timer);
      if (idleMs !== undefined && isIdle()) timer = setTimeout(onIdle, Math.min(idleMs, longestMs));
    },
  };
}

/** The longest delay of setTimeout. */
const longestMs = 2 ** 31 - 1;
