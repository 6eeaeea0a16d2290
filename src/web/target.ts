/** What a request asks for. */

export interface Target {
  /** As it came: nothing is decoded. */
  path: string;
  query: URLSearchParams;
}

/**
 * Undefined if the request's target has another form than a path and a query, which is all that a browser sends to a
 * server (RFC 9112, section 3.2.1). Never throws, as `new URL` does at `//`.
 */
export function targetOf(url = ''): Target | undefined {
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const end = url.indexOf('?');
  if (end < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, end), query: new URLSearchParams(url.slice(end + 1)) };
}
