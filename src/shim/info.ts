/** The answers to `-v` and `-info`. */
import { readFeatures } from '../runtime/runtime-features.js';
import { RuntimeInfo } from '../ttrpc/gen/containerd/types.js';
import { Any } from '../ttrpc/gen/google/protobuf/any.js';
import { decodeMessage, message } from '../ttrpc/message.js';
import { version } from '../package.js';
import { readCreateOptions } from '../daemon/create/create-options.js';
import { readStdin } from './read-stdin.js';

/** In the form of containerd's own shims. */
export function versionText(): string {
  return `containerd-shim-termshim-v2:\n  Version:  ${version()}\n  Node.js version: ${process.version}\n\n`;
}

/** The type URL of containerd for JSON of its Go type `Features`. */
const featuresType = 'types.containerd.io/opencontainers/runtime-spec/1/features/Features';

/**
 * Returns the bytes of a RuntimeInfo. containerd 2 asks for it once for each runtime of its configuration, with the
 * options of that runtime on stdin. A runtime need not report its features: if it does not, the answer has only the
 * rest, and `onError` is called with the reason.
 */
export async function runtimeInfo(onError: (error: unknown) => void): Promise<Uint8Array> {
  const about = await describeRuntime(onError).catch(onError);
  const fields = { name: 'io.containerd.termshim.v2', version: { version: version(), revision: '' }, ...about };
  return RuntimeInfo.encode(message(RuntimeInfo, fields)).finish();
}

async function describeRuntime(onError: (error: unknown) => void): Promise<Partial<RuntimeInfo>> {
  const given = await readStdin({ maxBytes: 2 ** 20, timeoutMs: 10_000 });
  const options = given.length === 0 ? undefined : decodeMessage(Any, given);
  const features = await readFeatures(await readCreateOptions(options, '')).catch(onError);
  if (features === undefined) return { options };
  return { options, features: { typeUrl: featuresType, value: Buffer.from(JSON.stringify(features)) } };
}
