/** The OCI configuration of a container for which there is only a root filesystem and a command. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { capabilities, maskedPaths, readonlyPaths, standardMounts } from './default-isolation.js';
import { fileError } from '../../errors/file-error.js';
import type { OciSpec } from './oci-spec.js';

/** What differs from the default configuration. */
export interface DefaultSpecOptions {
  /** The root filesystem, a directory. */
  rootfs: string;
  /** The program and its arguments. */
  args: readonly string[];
  /** Whether the process gets a terminal; false by default. */
  terminal?: boolean | undefined;
  /** The size that the terminal has from the beginning. */
  size?: { columns: number; rows: number } | undefined;
  /** `/` by default. */
  cwd?: string | undefined;
  /** As `NAME=value`; added after PATH and, with a terminal, TERM, so that they may replace them. */
  env?: readonly string[] | undefined;
  hostname?: string | undefined;
  /** Whether to run without root, in a user namespace where root is this user. By default if this process is not root. */
  rootless?: boolean | undefined;
}

/**
 * A configuration with the namespaces, mounts and capabilities that Docker gives a container by default. It has no seccomp
 * filter and no resource limits; the network is a loopback device.
 *
 * @example
 * ```js
 * import { defaultSpec, readBundle, writeBundle } from 'termshim';
 *
 * await writeBundle('busybox', defaultSpec({ rootfs: 'rootfs', args: ['/bin/sh'], terminal: true }));
 * const { path, spec } = await readBundle('busybox');
 * process.stdout.write(`${path} runs ${spec.process.args.join(' ')}\n`);
 * ```
 */
export function defaultSpec(options: DefaultSpecOptions): OciSpec {
  const { size, rootless = process.geteuid?.() !== 0, hostname, terminal = false } = options;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal,
      ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } }),
      user: { uid: 0, gid: 0 },
      args: [...options.args],
      env: environment(options),
      cwd: options.cwd ?? '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: resolve(options.rootfs), readonly: false },
    ...(hostname === undefined ? {} : { hostname }),
    mounts: standardMounts(rootless),
    linux: {
      ...(rootless ? identityMappings() : { resources: { devices: [{ allow: false, access: 'rwm' }] } }),
      namespaces: namespaces(rootless).map((type) => ({ type })),
      maskedPaths,
      readonlyPaths,
    },
  };
}

/** Writes a bundle: makes the directory, with mode 0700, and its config.json. Fails with ERR_SYSTEM. */
export async function writeBundle(directory: string, spec: OciSpec): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(join(directory, 'config.json'), JSON.stringify(spec, undefined, 2), { mode: 0o600 });
  } catch (error) {
    throw fileError(error, `write the bundle ${directory}`);
  }
}

function environment({ terminal = false, env = [] }: DefaultSpecOptions): string[] {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const standard = terminal ? [path, 'TERM=xterm'] : [path];
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('=') + 1);
  return [...standard.filter((entry) => !env.some((other) => other.startsWith(nameOf(entry)))), ...env];
}

/** One user can map only itself without the help of newuidmap(1). */
function identityMappings(): object {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return {
    uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
  };
}

function namespaces(rootless: boolean): string[] {
  const always = ['pid', 'ipc', 'uts', 'mount', 'network'];
  // On cgroup v1 and hybrid hosts a cgroup namespace hides nothing and some runtimes refuse it.
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  return [...always, ...(isUnified ? ['cgroup'] : []), ...(rootless ? ['user'] : [])];
}
