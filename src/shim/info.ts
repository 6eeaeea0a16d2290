/** What `-v` and `-info` say of this shim. */
import { version } from '../version.js';

/** In the form of containerd's own shims. */
export function versionText(): string {
  return `containerd-shim-termshim-v2:\n  Version:  ${version()}\n  Node.js version: ${process.version}\n\n`;
}

/** The bytes of a RuntimeInfo, which containerd 2 asks for. */
export async function runtimeInfo(): Promise<Uint8Array> {
  const { RuntimeInfo } = await import('../ttrpc/gen/containerd/types.js');
  const { message } = await import('../ttrpc/message.js');
  const fields = { name: 'io.containerd.termshim.v2', version: { version: version(), revision: '' } };
  return RuntimeInfo.encode(message(RuntimeInfo, fields)).finish();
}
