/**
 * Where a daemon listens. Whoever starts a container finds the daemon by this name alone, and the launcher
 * (native/launcher/start.c) computes the same.
 */
import { mkdirSync } from 'node:fs';
import { TermshimError } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';
import { assertTrusted } from '../os/file/directory-trust.js';

export const socketDirectory = '/run/containerd/s';

export interface DaemonKey {
  /** Of containerd's own socket. */
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

/** As containerd and `start` write it. */
export function toAddress(path: string): string {
  return `unix://${path}`;
}

/** The path of `unix://PATH`; undefined for what is no such address. */
export function fromAddress(address: string): string | undefined {
  return /^unix:\/\/(\/.+)$/.exec(address)?.[1];
}

/**
 * Which containers of a namespace share a daemon, by TERMSHIM_GROUP: all of them (`namespace`, group ""), those of one
 * pod (`pod`), or none (`container`, group = the id). Throws ERR_GROUP_INVALID, and ERR_BUNDLE_INVALID for a pod's
 * config.json that cannot be read.
 */
export async function groupOf(id: string, bundle: string): Promise<string> {
  const setting = process.env['TERMSHIM_GROUP'] || 'namespace';
  if (setting === 'namespace') return '';
  if (setting === 'container') return id;
  if (setting === 'pod') return (await podOf(bundle)) ?? id;
  const reason = `TERMSHIM_GROUP is ${JSON.stringify(setting)}, and not namespace, container or pod`;
  throw new TermshimError('ERR_GROUP_INVALID', reason);
}

/** Each directory with the mode that containerd gives it. Throws ERR_DIRECTORY_UNSAFE if others may reach into it. */
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
 * The annotations by which containerd-shim-runc-v2 groups. containerd sets the first for a pod; the other the pod's author may
 * set too, who must not choose the daemon of somebody else's pod.
 */
const groupAnnotations = ['io.kubernetes.cri.sandbox-id', 'io.containerd.runc.v2.group'];

/** Loaded late: only pods need a config.json before their container is created. */
async function podOf(bundle: string): Promise<string | undefined> {
  const { readBundle } = await import('../runtime/spec/bundle.js');
  const { spec } = await readBundle(bundle);
  return groupAnnotations.map((name) => spec.annotations?.[name]).find((group) => group !== undefined);
}

/** 64 bits; see draft-eastlake-fnv. No security hangs on it: the directory is root's alone. */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
