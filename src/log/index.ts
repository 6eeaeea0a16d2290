/** What a library user may import from `termshim/log`: logs of what a process writes, written and read. */

export { type ErrorCode, errorCodes, TermshimError, type TermshimErrorOptions } from '../errors/errors.js';
export { type Log, type LogEvents, openLog } from './write/log.js';
export type { LogOptions } from './options.js';
export type { LogStream } from './encoder.js';
export type { LogFormat } from '../native/addon.js';
export { readLog, type ReadLogOptions } from './read/read-log.js';
export type { LogEntry } from './read/wanted.js';
export type { ParsedEntry } from './entry.js';
