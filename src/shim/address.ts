/**
 * The socket of a daemon. `start` finds the daemon by the name of its socket alone. The launcher
 * (native/launcher/start.c) computes the same name.
 */
import { mkdirSync } from 'node:fs';
import { TermshimError } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';
import { assertTrusted } from '../os/file/directory-trust.js';

export const socketDirectory = '/run/containerd/s';

export interface DaemonKey {
  /** The path of containerd's own socket. */
  address: string;
  namespace: string;
  /** See {@link groupOf}. */
  group: string;
}

/** The socket of the one daemon for this key. Its name has a fixed length: a socket's path must be short (unix(7)). */
export function socketPath({ address, namespace, group }: DaemonKey): string {
  const hash = fnv1a(Buffer.from(`${address}\0${namespace}\0${group}`));
  return `${socketDirectory}/termshim-${hash.toString(16).padStart(16, '0')}`;
}

/** The address of a socket, as containerd and `start` write it. */
export function toAddress(path: string): string {
  return `unix://${path}`;
}

/** The path in `unix://PATH`; undefined for any other text. */
export function fromAddress(address: string): string | undefined {
  return /^unix:\/\/(\/.+)$/.exec(address)?.[1];
}

/**
 * The group of a container. Containers of one group share a daemon. TERMSHIM_GROUP decides: all containers of a
 * namespace (`namespace`, group ""), those of one pod (`pod`), or each by itself (`container`, group = the id). Throws
 * ERR_GROUP_INVALID, and ERR_BUNDLE_INVALID if `pod` needs a config.json that cannot be read.
 */
export async function groupOf(id: string, bundle: string): Promise<string> {
  const setting = process.env['TERMSHIM_GROUP'] || 'namespace';
  if (setting === 'namespace') return '';
  if (setting === 'container') return id;
  if (setting === 'pod') return (await podOf(bundle)) ?? id;
  const reason = `TERMSHIM_GROUP must be namespace, container or pod, but it is ${JSON.stringify(setting)}`;
  throw new TermshimError('ERR_GROUP_INVALID', reason);
}

/**
 * Makes the directories with the modes that containerd uses. Throws ERR_DIRECTORY_UNSAFE if others may change them.
 */
export function makeSocketDirectory(): void {
  try {
    mkdirSync('/run/containerd', { recursive: true, mode: 0o711 });
    mkdirSync(socketDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, `make the directory ${socketDirectory}`);
  }
  assertTrusted(socketDirectory, 'ours or root');
}

/**
 * The annotations by which containerd-shim-runc-v2 groups containers. containerd sets the first for a pod. The author
 * of a pod may set the second, so it counts only if the first is missing: the author must not choose the daemon of
 * another pod.
 */
const groupAnnotations = ['io.kubernetes.cri.sandbox-id', 'io.containerd.runc.v2.group'];

/** Loads its module late, because only `pod` needs config.json before the container is created. */
async function podOf(bundle: string): Promise<string | undefined> {
  const { readBundle } = await import('../runtime/spec/bundle.js');
  const { spec } = await readBundle(bundle);
  return groupAnnotations.map((name) => spec.annotations?.[name]).find((group) => group !== undefined);
}

/** FNV-1a with 64 bits; see draft-eastlake-fnv. It need not be secure, because the directory belongs to root alone. */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
