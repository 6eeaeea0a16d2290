/**
 * Who may use the page. A browser sends requests for any page that is open in it, any name can be made to lead to
 * 127.0.0.1, and other users of the machine can dial too. So a request must come by our own address, from our own page,
 * and with a secret.
 *
 * The secret is no cookie: a browser sends the cookies of 127.0.0.1 to every port of it, and so to servers of other
 * users and to published ports of containers. The page keeps it in its sessionStorage, which belongs to our port alone,
 * and sends it itself.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Refusal {
  status: 401 | 403;
  reason: string;
}

export interface Access {
  /** For the fragment of the URL that is printed, which a browser sends to nobody. */
  readonly token: string;
  /** Why a request is not served, whatever it asks for; undefined if it comes to us, and from no other page. */
  refuseStranger(headers: IncomingHttpHeaders): Refusal | undefined;
  /** Likewise for what only those with the secret may have. */
  refuse(headers: IncomingHttpHeaders): Refusal | undefined;
  /** The secret, for the token in the Authorization header, once; undefined for any other. */
  exchange(headers: IncomingHttpHeaders): string | undefined;
  isSecret(given: string): boolean;
}

/** @param hosts what a Host header may say, such as `127.0.0.1:8080` */
export function createAccess(hosts: readonly string[]): Access {
  const token = randomSecret();
  const secret = randomSecret();
  let isTokenUsed = false;
  const isSecret = (given: string): boolean => isEqual(given, secret);
  const refuseStranger = ({ host = '', origin }: IncomingHttpHeaders): Refusal | undefined => {
    if (!hosts.includes(host)) return { status: 403, reason: 'this host is not served here' };
    if (origin === undefined || origin === `http://${host}`) return undefined;
    return { status: 403, reason: 'requests of other pages are refused' };
  };
  return {
    token,
    refuseStranger,
    refuse: (headers) => refuseStranger(headers) ?? (isSecret(bearerOf(headers)) ? undefined : withoutSecret),
    exchange(headers) {
      if (isTokenUsed || !isEqual(bearerOf(headers), token)) return undefined;
      isTokenUsed = true;
      return secret;
    },
    isSecret,
  };
}

export const withoutSecret: Refusal = {
  status: 401,
  reason: 'open the URL that termshim web has printed; it opens the page once',
};

function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

function bearerOf({ authorization = '' }: IncomingHttpHeaders): string {
  return /^Bearer ([\w-]+)$/.exec(authorization)?.[1] ?? '';
}

function isEqual(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
