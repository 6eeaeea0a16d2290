import { appendFileSync } from 'node:fs';

export type LogFormat = 'json' | 'text';

/** Appends an error to the file that a caller named with `--log`, in the two forms that runc has. */
export function logFailure(path: string, format: LogFormat, message: string): void {
  const time = new Date().toISOString();
  const line =
    format === 'json'
      ? JSON.stringify({ level: 'error', msg: message, time })
      : `time="${time}" level=error msg=${JSON.stringify(message)}`;
  try {
    appendFileSync(path, `${line}\n`, { mode: 0o600 });
  } catch {
    // The message goes to stderr too, and a log that cannot be written must not hide it.
  }
}
