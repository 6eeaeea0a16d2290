/**
 * Prints a command's line for scripts, and its errors, and handles the signals that end it.
 */
import { writeSync } from 'node:fs';
import { errorLine } from '../../errors/error-line.js';
import { printableJson } from '../../errors/printable.js';
import { onSignals } from '../../async/signals.js';
import { fileError } from '../../errors/file-error.js';

/** Prints one line of JSON to stdout. Does not fail if the reader has exited: the command's work is something else. */
export function printJson(value: unknown): void {
  printLine(printableJson(JSON.stringify(value)));
}

/** As `printJson`, but prints the text as it is. */
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
 * Calls `onSignal` for the first SIGINT, SIGTERM or SIGHUP; a second one ends the process. Returns a function that
 * removes the handlers. Call it, so that the process can end by itself.
 */
export function onEndSignal(onSignal: (signal: NodeJS.Signals) => void): () => void {
  const stop = onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (name) => {
    stop();
    onSignal(name);
  });
  return stop;
}
