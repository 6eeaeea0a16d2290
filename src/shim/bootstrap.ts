/**
 * Reads what containerd writes to the stdin of `start`, and encodes the answer in the form that it expects. containerd
 * 2.3 and later write BootstrapParams and read a BootstrapResult. Older versions write the runtime's options or
 * nothing, and all of them read a bare address. The launcher (native/launcher/question.c) decides the same.
 */
import { fstatSync } from 'node:fs';
import { readStdin } from './read-stdin.js';

/** `json`: the parameters came as JSON, which the comments of containerd's bootstrap.proto describe. */
export type AnswerForm = 'address' | 'result' | 'json';

/** If a user runs the shim by hand, stdin may never end. containerd's own shims have the same limit of bytes. */
const limits = { timeoutMs: 2000, maxBytes: 10 * 1024 * 1024 };

/** Reads stdin and returns the form of the answer. Never rejects: in doubt, the form is a bare address. */
export async function readAnswerForm(who: { id: string; namespace: string }): Promise<AnswerForm> {
  try {
    // It is a terminal, or /dev/null.
    if (fstatSync(0).isCharacterDevice()) return 'address';
    return await formFor(await readStdin(limits), who);
  } catch {
    return 'address';
  }
}

/**
 * The options of a runtime are an Any, which can be parsed as BootstrapParams too. Only BootstrapParams contain the id
 * and the namespace of the call.
 */
export async function formFor(question: Uint8Array, who: { id: string; namespace: string }): Promise<AnswerForm> {
  if (question[0] === 0x7b) return isFor(who, fromJson(question)) ? 'json' : 'address';
  try {
    return isFor(who, await namedBy(question)) ? 'result' : 'address';
  } catch {
    return 'address';
  }
}

/**
 * The version of the Task service in the answer. With version 3, containerd calls neither `start` nor `delete` for the
 * containers of a pod, and nothing would end them if their daemon was killed. Version 3 also means streams instead of
 * FIFOs, which termshim does not support.
 */
const version = 2;

export async function encodeAnswer(form: AnswerForm, address: string): Promise<string | Uint8Array> {
  const answer = { version, address, protocol: 'ttrpc' };
  if (form === 'address') return address;
  if (form === 'json') return JSON.stringify(answer);
  const { BootstrapResult } = await import('../ttrpc/gen/containerd/bootstrap.js');
  return BootstrapResult.encode({ ...answer, capabilities: [], metadata: {} }).finish();
}

interface Who {
  id: unknown;
  namespace: unknown;
}

function isFor(who: Who, named: Who): boolean {
  return named.id === who.id && named.namespace === who.namespace;
}

/** Go's protojson writes the field as `instanceId`, Go's json as `instance_id`. */
function fromJson(question: Uint8Array): Who {
  try {
    const params = JSON.parse(Buffer.from(question).toString()) as Record<string, unknown>;
    return { id: params['instanceId'] ?? params['instance_id'], namespace: params['namespace'] };
  } catch {
    return { id: undefined, namespace: undefined };
  }
}

/**
 * Reads only the two names of BootstrapParams. Skips the other fields without decoding them, as the launcher does, so
 * invalid bytes in an extension change nothing.
 */
async function namedBy(question: Uint8Array): Promise<Who> {
  const { BinaryReader, WireType } = await import('@bufbuild/protobuf/wire');
  const reader = new BinaryReader(question);
  const names: [field: number, name: keyof Who][] = [
    [1, 'id'],
    [2, 'namespace'],
  ];
  const named: Who = { id: '', namespace: '' };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const name = type === WireType.LengthDelimited ? names.find(([number]) => number === field)?.[1] : undefined;
    if (name === undefined) reader.skip(type, field);
    else named[name] = reader.string();
  }
  return named;
}
