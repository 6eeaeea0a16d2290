/** The exports of `termshim/log`, which writes and reads logs of the output of a process. */

export { type ErrorCode, errorCodes, TermshimError, type TermshimErrorOptions } from '../errors/errors.js';
export { type Log, type LogEvents, openLog } from './write/log.js';
export type { LogOptions } from './options.js';
export type { LogStream } from './encoder.js';
export type { LogFormat } from '../native/addon.js';
export { readLog, type ReadLogOptions } from './read/read-log.js';
export type { LogEntry } from './read/wanted.js';
export type { ParsedEntry } from './entry.js';
