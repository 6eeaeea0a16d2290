/**
 * How a command says a line for scripts, and how it ends when something went wrong.
 */
import { writeSync } from 'node:fs';
import { errorLine } from '../../errors/error-line.js';
import { fileError } from '../../errors/file-error.js';
import { printableJson } from '../../errors/printable.js';

/** One JSON line on stdout. A reader that has gone is no reason to fail: the command's work is not its report. */
export function printJson(value: unknown): void {
  printLine(printableJson(JSON.stringify(value)));
}

/** As `printJson`, as it is. */
export function printLine(text: string): void {
  try {
    writeSync(1, `${text}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw fileError(error, 'write to stdout');
  }
}

/** Prints the error on one line of stderr and sets exit status 1. */
export function exitWithError(error: unknown): void {
  process.exitCode = 1;
  printError(error);
}

/** Prints the error, its code last, on one line of stderr. */
export function printError(error: unknown): void {
  process.stderr.write(errorLine(error));
}

/**
 * Calls `onSignal` for the first SIGINT, SIGTERM or SIGHUP; a second one ends the process. Returns how to stop, which
 * must be done for the process to end by itself.
 */
export function onEndSignal(onSignal: (signal: NodeJS.Signals) => void): () => void {
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const stop = (): void => {
    for (const name of names) process.off(name, handle);
  };
  const handle = (name: NodeJS.Signals): void => {
    stop();
    onSignal(name);
  };
  for (const name of names) process.on(name, handle);
  return stop;
}
