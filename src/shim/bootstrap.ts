/**
 * What containerd asks by the stdin of `start`, and the answer in the form that it wants. Since 2.3 it writes
 * BootstrapParams there and reads a BootstrapResult; before, there are the runtime's options or nothing, and a bare address
 * is the answer that all of them read. The launcher (native/launcher/question.c) decides the same.
 */
import { fstatSync } from 'node:fs';
import { readStdin } from './read-stdin.js';

/** `json`: the parameters came as JSON, as the comments of containerd's bootstrap.proto have it. */
export type AnswerForm = 'address' | 'result' | 'json';

/** Whoever calls us by hand may have a stdin that never ends. containerd's own shims read no more either. */
const limits = { timeoutMs: 2000, maxBytes: 10 * 1024 * 1024 };

/** What it reads there, and how the answer is to be. Never fails: in any doubt it is a bare address. */
export async function readAnswerForm(who: { id: string; namespace: string }): Promise<AnswerForm> {
  try {
    // Somebody types there, or it is /dev/null.
    if (fstatSync(0).isCharacterDevice()) return 'address';
    return await formFor(await readStdin(limits), who);
  } catch {
    return 'address';
  }
}

/**
 * The options of a runtime are an Any, which can be read as BootstrapParams too: so they must name who they are for.
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
 * Of the Task service, whatever the form: with 3 containerd calls neither `start` nor `delete` for the containers of a pod,
 * and nothing would end those whose daemon was killed. Nor can we do what else it stands for, streams in the place of FIFOs.
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

/** As Go's protojson and json write the name of the field. */
function fromJson(question: Uint8Array): Who {
  try {
    const params = JSON.parse(Buffer.from(question).toString()) as Record<string, unknown>;
    return { id: params['instanceId'] ?? params['instance_id'], namespace: params['namespace'] };
  } catch {
    return { id: undefined, namespace: undefined };
  }
}

/**
 * Of BootstrapParams the two names alone. What else is in them is skipped as it is, by the launcher too: bytes of somebody's
 * extension that are no message change nothing.
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
