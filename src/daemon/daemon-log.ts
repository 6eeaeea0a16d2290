/**
 * The daemon's log. containerd makes a FIFO named `log` in each bundle, reads it as long as the container exists, and
 * copies it to its own log. A line goes to the FIFO of the container that it is about; with `termshim --shim`, that is
 * a file. The user's daemon writes to stderr, which is a file if a command has started the daemon.
 */
import { constants, fstatSync, ftruncateSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../native/addon.js';
import { writeToStderr } from '../os/stderr.js';
import { printableJson } from '../errors/printable.js';

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** `bundle` is that of the container that the line is about. Without it, the line goes where the last one went. */
export type LogLine = (message: string, fields?: LogFields, bundle?: string) => void;

export interface Log {
  debug: LogLine;
  info: LogLine;
  warn: LogLine;
  error: LogLine;
}

export interface LogOptions {
  debug: boolean;
  /** Whether lines go to stderr, because there is no containerd. */
  isForStderr?: boolean;
}

/** Its methods never wait or throw: a line is dropped if there is no reader or no room for it. */
export function createLog({ debug, isForStderr = false }: LogOptions): Log {
  let lastBundle: string | undefined;
  const at = (level: string): LogLine => {
    return (message, fields = {}, bundle = lastBundle) => {
      lastBundle = bundle;
      const line = formatLine(level, message, fields);
      if (isForStderr) writeHere(line);
      else if (bundle !== undefined) writeLine(join(bundle, 'log'), line);
    };
  };
  return { debug: debug ? at('debug') : () => {}, info: at('info'), warn: at('warning'), error: at('error') };
}

/** A pipe takes a write of at most this many bytes as a whole or not at all (PIPE_BUF; pipe(7)). */
const maxBytes = 4096;

/** Opens the FIFO for each line, because the daemon has many containers and containerd may be restarted. */
function writeLine(path: string, line: string): void {
  const fd = addon.fd_open(
    path,
    constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOFOLLOW,
    0,
  );
  if (fd < 0) return;
  const bytes = Buffer.from(line).subarray(0, maxBytes - 1);
  addon.fd_write(fd, Buffer.concat([bytes, Buffer.from('\n')]));
  addon.fd_close(fd);
}

/** A larger log file is emptied before the next line: its reader wants to know why something has just failed. */
const maxFileBytes = 256 * 1024;

function writeHere(line: string): void {
  shortenFile();
  writeToStderr(`${line}\n`);
}

function shortenFile(): void {
  try {
    // A FIFO or a terminal has the size 0.
    if (fstatSync(2).size > maxFileBytes) ftruncateSync(2, 0);
  } catch {
    // The disk has failed.
  }
}

/** A line of logfmt, as in containerd's log. */
function formatLine(level: string, message: string, fields: LogFields): string {
  const all: LogFields = { time: new Date().toISOString(), level, msg: message, ...fields };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quote(String(value))}`)
    .join(' ');
}

function quote(value: string): string {
  return /^[\w./@^+-]+$/.test(value) ? value : printableJson(JSON.stringify(value));
}
