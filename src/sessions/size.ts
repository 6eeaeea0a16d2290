/**
 * Chooses the size of a terminal from the windows of its clients.
 */
import type { Size } from '../os/console.js';
import { Code, RpcError } from '../ttrpc/status.js';

/** The client that typed last, the smallest or largest of all windows, the client with a number, or a fixed size. */
export type SizePolicy = 'latest' | 'smallest' | 'largest' | number | Size;

/** The window of a client. */
export interface Window {
  client: number;
  /** 0x0 if the client has no window, and so no influence. */
  size: Size;
  /** The window of a read-only client counts only if the policy is its number. */
  isReadOnly: boolean;
  /** Highest for the client that typed last. */
  typedAt: number;
}

/** The size that the terminal should have; undefined if it should stay as it is, since no window counts. */
export function chooseSize(policy: SizePolicy, windows: readonly Window[]): Size | undefined {
  if (typeof policy === 'object') return policy;
  const seen = windows.filter(({ size }) => size.columns > 0 && size.rows > 0);
  if (typeof policy === 'number') return seen.find(({ client }) => client === policy)?.size;
  const heard = seen.filter(({ isReadOnly }) => !isReadOnly);
  if (heard.length === 0) return undefined;
  if (policy === 'latest') return heard.reduce((a, b) => (b.typedAt > a.typedAt ? b : a)).size;
  const pick = policy === 'smallest' ? Math.min : Math.max;
  const columns = heard.map(({ size }) => size.columns);
  const rows = heard.map(({ size }) => size.rows);
  return { columns: pick(...columns), rows: pick(...rows) };
}

/** Reads `latest`, `smallest`, `largest`, `3` or `132x43`. Throws InvalidArgument. */
export function parseSizePolicy(text: string): SizePolicy {
  if (text === 'latest' || text === 'smallest' || text === 'largest') return text;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  const [, columns, rows] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? [];
  const size = { columns: Number(columns), rows: Number(rows) };
  if (isSize(size.columns) && isSize(size.rows)) return size;
  const forms = 'latest, smallest, largest, the number of a client, or COLUMNSxROWS';
  throw new RpcError(Code.InvalidArgument, `a size policy is ${forms}, but not ${JSON.stringify(text)}`);
}

/** As `parseSizePolicy` reads it. */
export function formatSizePolicy(policy: SizePolicy): string {
  return typeof policy === 'object' ? `${policy.columns}x${policy.rows}` : String(policy);
}

export function isSameSize(a: Size, b: Size): boolean {
  return a.columns === b.columns && a.rows === b.rows;
}

/** The kernel has 16 bits for columns and for rows. */
function isSize(cells: number): boolean {
  return cells > 0 && cells <= 0xffff;
}
