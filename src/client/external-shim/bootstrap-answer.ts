/** What a shim answers to `start`, in each of the forms that containerd reads. */
import * as v from 'valibot';
import { BootstrapResult } from '../../ttrpc/gen/containerd/bootstrap.js';

export interface ShimAnswer {
  /** `unix://PATH`, if it is a socket. */
  address: string;
  /** Of the Task service. */
  version: number;
  protocol: string;
}

/**
 * A BootstrapResult since 2.3, JSON from 2.0 on, a bare address before, in containerd's order: no text is a message too.
 * Undefined for what is none of them. The bytes are bounded by whoever has read them.
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
