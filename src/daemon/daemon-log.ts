/**
 * The daemon's log. containerd makes a FIFO named `log` in each bundle, reads it for as long as the container is there,
 * and copies it to its own log: a line goes to the FIFO of the container that it is about. Without containerd it goes to
 * stderr, which is a file if a command has started the daemon; `termshim --shim` has a file in the place of the FIFO.
 */
import { constants, fstatSync, ftruncateSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../native/addon.js';
import { writeToStderr } from '../os/stderr.js';
import { printableJson } from '../errors/printable.js';

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** `bundle` is the container's. A line that is about none goes where the last one went. */
export type LogLine = (message: string, fields?: LogFields, bundle?: string) => void;

export interface Log {
  debug: LogLine;
  info: LogLine;
  warn: LogLine;
  error: LogLine;
}

export interface LogOptions {
  debug: boolean;
  /** Without containerd. */
  isForStderr?: boolean;
}

/** Nothing of it ever waits or throws: a line that nobody reads, or has room for, is dropped. */
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

/** A write of this many bytes is whole, or does not happen (PIPE_BUF; pipe(7)). */
const maxBytes = 4096;

/** Opened anew for each line: the daemon has many containers, and containerd may leave and come back. */
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

/** What a file may grow to. Then it begins anew: its reader wants to know why something went wrong just now. */
const maxFileBytes = 256 * 1024;

function writeHere(line: string): void {
  shortenFile();
  writeToStderr(`${line}\n`);
}

function shortenFile(): void {
  try {
    // The size of what is no file is 0.
    if (fstatSync(2).size > maxFileBytes) ftruncateSync(2, 0);
  } catch {
    // A disk that fails.
  }
}

/** logfmt, as containerd has it. */
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
