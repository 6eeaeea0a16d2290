import { constants } from 'node:os';
import { failure } from './container.js';

/** The number of a signal: `TERM`, `SIGTERM` or `15`. Fails for any other text. */
export function parseSignal(text: string): number {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const number = /^\d+$/.test(text) ? Number(text) : (constants.signals as Record<string, number>)[name];
  if (number !== undefined && number >= 1 && number <= 64) return number;
  throw failure(`unknown signal ${JSON.stringify(text)}`);
}
