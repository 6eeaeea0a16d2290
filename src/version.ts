import { readFileSync } from 'node:fs';

/** The version of this package. From dist/src/ its root is two levels up. */
export function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
