/**
 * The secret that the page sends to its server. The page keeps it in sessionStorage, which outlives a reload. Unlike a
 * cookie, a browser shows it only to pages of this port.
 */

const key = 'termshim secret';

/** Empty if there is none. */
export function secret(): string {
  return sessionStorage.getItem(key) ?? '';
}

export function authorization(value: string): Record<string, string> {
  return { authorization: `Bearer ${value}` };
}

/** Removes the token from the URL's fragment, and exchanges it for the secret. Does nothing without a token. */
export async function takeToken(): Promise<void> {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  history.replaceState(null, '', location.pathname);
  const response = await fetch('secret', { method: 'POST', headers: authorization(token) });
  if (response.ok) sessionStorage.setItem(key, (await response.text()).trim());
}
