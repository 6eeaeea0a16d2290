/** When a daemon has nothing to do, and has had nothing for a while. */

export interface IdleOptions {
  /** Undefined: it may be idle for ever. */
  idleMs: number | undefined;
  isIdle: () => boolean;
  onIdle: () => void;
}

/** The time begins with the first `changed`, which is to be called whenever `isIdle` may answer otherwise than before. */
export function watchIdle({ idleMs, isIdle, onIdle }: IdleOptions): { changed(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    changed() {
      clearTimeout(timer);
      if (idleMs !== undefined && isIdle()) timer = setTimeout(onIdle, Math.min(idleMs, longestMs));
    },
  };
}

/** What a timer can do. */
const longestMs = 2 ** 31 - 1;
