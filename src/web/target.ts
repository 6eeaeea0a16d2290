/** Parses the target of a request. */

export interface Target {
  /** The path as it was sent: nothing is decoded. */
  path: string;
  query: URLSearchParams;
}

/**
 * Undefined if the target is not a path with or without a query, the only form that a browser sends to a server (RFC
 * 9112, section 3.2.1). Never throws, unlike `new URL`, which throws for `//`.
 */
export function targetOf(url = ''): Target | undefined {
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const end = url.indexOf('?');
  if (end < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, end), query: new URLSearchParams(url.slice(end + 1)) };
}
