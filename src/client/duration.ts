import ms, { type StringValue } from 'ms';

/** Milliseconds of `10s`, `500ms` or `2m`, and of a bare `0`. Undefined for anything else. */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0;
  const parsed = /^[\d.]+\s*[a-z]+$/i.test(text) ? ms(text as StringValue) : undefined;
  return parsed !== undefined && Number.isFinite(parsed) ? parsed : undefined;
}
