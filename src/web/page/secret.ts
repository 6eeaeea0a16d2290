/**
 * What this page shows to its server. It lies in sessionStorage, which a browser gives to pages of this very port alone,
 * unlike a cookie, and which a reload keeps.
 */

const key = 'termshim secret';

/** Empty if there is none. */
export function secret(): string {
  return sessionStorage.getItem(key) ?? '';
}

export function authorization(value: string): Record<string, string> {
  return { authorization: `Bearer ${value}` };
}

/** Changes the token in the URL's fragment into the secret, and takes it out of the URL. Nothing without a token. */
export async function takeToken(): Promise<void> {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  history.replaceState(null, '', location.pathname);
  const response = await fetch('secret', { method: 'POST', headers: authorization(token) });
  if (response.ok) sessionStorage.setItem(key, (await response.text()).trim());
}
