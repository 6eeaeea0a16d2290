/** Uses the alternate screen of the terminal. At any end, the terminal shows its previous screen again. */
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { atExit } from '../../async/at-exit.js';
import { enterRawMode, hostSize, watchHostSize } from '../../os/host-terminal.js';
import { endSignals, onSignals } from '../../async/signals.js';

export interface FullScreen extends Disposable {
  /** Shows lines, cut to the size of the terminal. */
  draw(text: string): void;
  /** Aborted by q, ^C, a signal that ends processes, or when the terminal is closed. Then stop drawing and dispose. */
  readonly closing: AbortController;
}

/** See "Xterm Control Sequences": the alternate screen, and the cursor's visibility. */
const enterSequence = '\x1b[?1049h\x1b[?25l';
const leaveSequence = '\x1b[?25h\x1b[?1049l';

/** ^C is a normal end, as in `top`. Another signal sets the exit status to 128 plus its number. */
export function openFullScreen(): FullScreen {
  const closing = new AbortController();
  let drawn = '';
  let isShown = true;
  const end = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGINT') process.exitCode = 128 + constants.signals[signal];
    closing.abort();
  };
  const leave = (): void => {
    if (isShown) put(leaveSequence);
    isShown = false;
  };
  /* While the process is stopped, the terminal shows its previous screen. In raw mode, the handler of `enterRawMode`
   * runs after this one and stops the process. */
  const stop = (): void => {
    leave();
    if (restoreModes === undefined) process.kill(process.pid, 'SIGSTOP');
  };
  const goOn = (): void => {
    isShown = true;
    put(`${enterSequence}${drawn}`);
  };
  const stops = [onSignals(endSignals, end), onSignals(['SIGTSTP'], stop), onSignals(['SIGCONT'], goOn)];
  const forgetAtExit = atExit(leave);
  const restoreModes = enterRawMode();
  const stopReading = restoreModes === undefined ? undefined : readKeys(closing);
  const stopResizing = watchHostSize(() => draw());
  put(enterSequence);

  let text = '';
  function draw(): void {
    drawn = frame(text);
    if (isShown) put(drawn);
  }

  return {
    closing,
    draw(newText) {
      text = newText;
      draw();
    },
    [Symbol.dispose]() {
      stopResizing();
      stopReading?.();
      leave();
      restoreModes?.();
      forgetAtExit();
      for (const stopHandling of stops) stopHandling();
    },
  };
}

function readKeys(closing: AbortController): () => void {
  const { stdin } = process;
  const quit = (): void => closing.abort();
  const press = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (['q', 'Q', '\x03'].some((key) => text.includes(key))) quit();
    else if (text.includes('\x1a')) process.kill(process.pid, 'SIGTSTP');
  };
  stdin.on('data', press).on('end', quit).on('error', quit);
  return () => {
    stdin.off('data', press).off('end', quit).pause();
  };
}

/** The size of a terminal that does not report its size. */
const usualSize = { columns: 80, rows: 24 };

/**
 * Erases each line before it is written: after a character in the last column the cursor stays there, and erasing would
 * remove that character.
 */
function frame(text: string): string {
  const { columns, rows } = hostSize() ?? usualSize;
  const lines = text.replace(/\n$/, '').split('\n');
  const more = lines.length - rows;
  const shown = more > 0 ? [...lines.slice(0, rows - 1), `${more + 1} more`] : lines;
  const written = shown.map((line) => `\x1b[2K${line.slice(0, columns)}`).join('\r\n');
  return `\x1b[H${written}${shown.length < rows ? '\r\n\x1b[J' : ''}`;
}

/** If the terminal was closed, SIGHUP reports it. */
function put(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    // See above.
  }
}
