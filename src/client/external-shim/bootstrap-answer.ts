/** Parses a shim's answer to `start`, in each of the forms that containerd reads. */
import * as v from 'valibot';
import { BootstrapResult } from '../../ttrpc/gen/containerd/bootstrap.js';

export interface ShimAnswer {
  /** `unix://PATH`, if it is a socket. */
  address: string;
  /** The version of the Task service. */
  version: number;
  protocol: string;
}

/**
 * Shims answer with a BootstrapResult since containerd 2.3, with JSON since 2.0, and with a bare address before. This
 * tries the forms in this order, as containerd does: no text is also a valid BootstrapResult. Undefined if it is none
 * of them. The caller limits the number of bytes.
 */
export function parseAnswer(bytes: Uint8Array): ShimAnswer | undefined {
  const text = Buffer.from(bytes).toString().trim();
  return fromResult(bytes) ?? fromJson(text) ?? (/^unix:\/\/\S+$/.test(text) ? { address: text, ...plain } : undefined);
}

const plain = { version: 2, protocol: 'ttrpc' };

function fromResult(bytes: Uint8Array): ShimAnswer | undefined {
  try {
    const { address, version, protocol } = BootstrapResult.decode(bytes);
    return address === '' ? undefined : { address, version, protocol };
  } catch {
    return undefined;
  }
}

const schema = v.object({
  address: v.string(),
  version: v.optional(v.number(), plain.version),
  protocol: v.optional(v.string(), plain.protocol),
});

function fromJson(text: string): ShimAnswer | undefined {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    return undefined;
  }
}
