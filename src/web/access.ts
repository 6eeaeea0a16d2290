/**
 * Decides which requests are served. A browser sends requests for any page that is open in it, any host name can be
 * made to resolve to 127.0.0.1, and other users of the machine can connect too. So a request must name this server as
 * its host, come from this server's page, and contain a secret.
 *
 * The secret is not a cookie: a browser sends the cookies of 127.0.0.1 to each of its ports, and so to servers of other
 * users and to published ports of containers. The page keeps the secret in its sessionStorage, which belongs to this
 * port alone, and sends it itself.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Refusal {
  status: 401 | 403;
  reason: string;
}

export interface Access {
  /** For the fragment of the printed URL, which a browser does not send to any server. */
  readonly token: string;
  /** Refuses a request that names another host or comes from another page; undefined if it is accepted. */
  refuseStranger(headers: IncomingHttpHeaders): Refusal | undefined;
  /** As `refuseStranger`, and also refuses a request without the secret. */
  refuse(headers: IncomingHttpHeaders): Refusal | undefined;
  /** Exchanges the token in the Authorization header for the secret, once; undefined if it is another token. */
  exchange(headers: IncomingHttpHeaders): string | undefined;
  isSecret(given: string): boolean;
}

/** @param hosts the accepted values of a Host header, such as `127.0.0.1:8080` */
export function createAccess(hosts: readonly string[]): Access {
  const token = randomSecret();
  const secret = randomSecret();
  let isTokenUsed = false;
  const isSecret = (given: string): boolean => isEqual(given, secret);
  const refuseStranger = ({ host = '', origin }: IncomingHttpHeaders): Refusal | undefined => {
    if (!hosts.includes(host)) return { status: 403, reason: 'the Host header is not the address of this server' };
    if (origin === undefined || origin === `http://${host}`) return undefined;
    return { status: 403, reason: 'the request comes from another page' };
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
  reason: 'open the URL that termshim web has printed; each URL works once',
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
