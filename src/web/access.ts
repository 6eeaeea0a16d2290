/**
 * Who may use the page. A browser sends requests for any page that is open in it, and any name can be made to lead to
 * 127.0.0.1: so a request must come by our own address, from our own page, and with the secret that the URL had.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type Verdict =
  | { kind: 'allowed' }
  /** The token of the URL was right, and is used up: the browser gets a cookie in its place. */
  | { kind: 'welcome'; cookie: string }
  | { kind: 'refused'; status: 401 | 403; reason: string };

export interface Access {
  /** For the URL that is printed. It opens the page once. */
  readonly token: string;
  judge(request: Pick<IncomingMessage, 'url' | 'headers'>): Verdict;
}

/** @param hosts what a Host header may say, such as `127.0.0.1:8080` */
export function createAccess(hosts: readonly string[]): Access {
  const token = secret();
  const session = secret();
  let isTokenUsed = false;
  return {
    token,
    judge({ url = '/', headers: { host = '', origin, cookie = '' } }) {
      if (!hosts.includes(host)) return refused(403, 'this host is not served here');
      if (origin !== undefined && origin !== `http://${host}`)
        return refused(403, 'requests of other pages are refused');
      const given = new URL(url, 'http://localhost').searchParams.get('token');
      if (given !== null && !isTokenUsed && isEqual(given, token)) {
        isTokenUsed = true;
        return { kind: 'welcome', cookie: `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/` };
      }
      const shown = new RegExp(`(?:^|; )${cookieName}=([^;]*)`).exec(cookie)?.[1] ?? '';
      if (isEqual(shown, session)) return { kind: 'allowed' };
      return refused(401, 'open the URL that termshim web has printed; it opens the page once');
    },
  };
}

const cookieName = 'termshim';

function secret(): string {
  return randomBytes(32).toString('base64url');
}

function isEqual(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function refused(status: 401 | 403, reason: string): Verdict {
  return { kind: 'refused', status, reason };
}
