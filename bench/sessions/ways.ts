/** The ways to a terminal that the daemon of a user has. */
import { FifoReader, FifoWriter } from '../../src/os/fifo.js';
import type { Client } from '../../src/ttrpc/client.js';
import type { SessionsDefinition } from '../../src/ttrpc/gen/termshim/sessions.js';
import type { Scope } from '../../test/helpers/base/leak-free.js';
import { type Reader, readFrom } from '../../test/helpers/copy/reader.js';
import { attachClient } from '../../test/helpers/sessions/session-client.js';
import { termshimCommand } from '../../test/helpers/runtime/run-command.js';
import { writeAll } from '../../test/helpers/copy/write-all.js';
import { builtProgram } from '../harness/child.js';

/** Somebody who has come to a terminal. */
export interface Visitor {
  readonly output: Reader;
  type(text: string): Promise<void>;
  leave(): void;
}

export interface Way {
  readonly name: string;
  /** The process has FIFOs of its own, as containerd gives them. Otherwise whoever comes is a client of the session. */
  readonly hasFifos: boolean;
  readonly hasScreen: boolean;
}

/** The first is what the others are compared with. */
export const ways: readonly [Way, ...Way[]] = [
  { name: 'FIFOs', hasFifos: true, hasScreen: false },
  { name: 'session', hasFifos: false, hasScreen: false },
  { name: 'session with its screen', hasFifos: false, hasScreen: true },
];

export interface Place {
  id: string;
  stdin: string;
  stdout: string;
  sessions: Client<typeof SessionsDefinition>;
}

export async function visit(scope: Scope, way: Way, { id, stdin, stdout, sessions }: Place): Promise<Visitor> {
  if (!way.hasFifos) return attachClient(scope, sessions, { id });
  const source = FifoReader.open(stdout);
  const output = readFrom(source.fd);
  const sink = await FifoWriter.open(stdin, { timeoutMs: 1000 });
  return {
    output,
    type: (text) => writeAll(sink.fd, text),
    leave() {
      output.close();
      source.close();
      sink.close();
    },
  };
}

/** What does it for a human. */
export function commandOf({ hasFifos }: Way, { id, stdin, stdout }: Place): readonly string[] {
  if (!hasFifos) return termshimCommand('attach', id);
  return [process.execPath, builtProgram('attach-to-fifos.cjs'), stdin, stdout];
}
