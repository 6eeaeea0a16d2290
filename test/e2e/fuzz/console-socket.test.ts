/*
 * Anybody who can dial a console socket can send anything: no descriptor or many, of any kind, with any name, in any
 * number of messages from several dialers at the same time, and can disconnect at any moment. Each wait for a console
 * must end with a console or with a plain error, the next dialer with a console must succeed, and no descriptor may
 * stay. fast-check makes up the dialers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { addon } from '../../../src/native/addon.js';
import type { Console } from '../../../src/os/console.js';
import { ConsoleSocket } from '../../../src/os/console-socket.js';
import { TermshimError } from '../../../src/errors/errors.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { createPipeEnds } from '../../../src/os/pipe.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { openMaster, useRuntimeDirectory } from '../../helpers/copy/dialer.js';
import { fuzz, fuzzSeconds } from '../../helpers/base/fuzz.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const isExpected = ({ code }: TermshimError): boolean =>
  ['ERR_CONSOLE_MESSAGE', 'ERR_NOT_A_CONSOLE', 'ERR_CONSOLE_TIMEOUT'].includes(code);

test('no message of a dialer ends a console socket or makes it leak', {
  timeout: 60_000 + fuzzSeconds * 1000,
}, async (t) => {
  useRuntimeDirectory(t);
  const pipe = createPipeEnds('a fuzzer');
  const [master, other] = [openMaster(t), openMaster(t)];
  const kinds: Record<Kind, number> = { master, pipe: pipe.reader.fd, socket: -1 };
  t.after(() => {
    for (const it of [pipe.reader, pipe.writer]) it.close();
  });
  using socket = ConsoleSocket.listen();
  const receiveOne = async (): Promise<void> => {
    const receiving = socket.receive({ timeoutMs: 30 });
    try {
      (await within(receiving, 'an end')).close();
    } catch (error) {
      assert.ok(error instanceof TermshimError && isExpected(error), String(error));
    }
  };
  const attack = async (dialers: Dialing[]): Promise<void> => {
    const dialed = dialers.map(() => new OwnedFd(addon.socket_connect(socket.path), 'a dialer'));
    const receiving = receiveOne();
    for (const [at, { messages, isLeaving }] of dialers.entries()) {
      const { fd } = dialed[at] as OwnedFd;
      for (const { name, descriptors } of messages) {
        const fds = descriptors.map((kind) => (kind === 'socket' ? fd : kinds[kind]));
        addon.socket_send_fds(fd, name.length === 0 ? Buffer.alloc(1) : name, fds);
      }
      if (isLeaving) dialed[at]?.close();
    }
    await receiving;
    for (let left = dialers.length; left > 0; left--) await receiveOne();
    for (const it of dialed) it.close();
    using good = new OwnedFd(addon.socket_connect(socket.path), 'a good dialer');
    assert.equal(addon.socket_send_fds(good.fd, Buffer.from('good'), [other]), 4);
    const isGood = (console: Console): boolean => {
      const number = addon.tty_pts_number(console.fd);
      console.close();
      return number === addon.tty_pts_number(other);
    };
    const isRefused = (error: unknown): boolean => {
      assert.ok(error instanceof TermshimError && isExpected(error), String(error));
      return false;
    };
    await waitFor(() => socket.receive({ timeoutMs: 1000 }).then(isGood, isRefused), 'the console of the good dialer');
  };
  await attack([]);
  const before = openDescriptors();
  const count = await fuzz(fc.array(dialing, { maxLength: 4 }), attack);
  // Those that left without a word are noticed by the next wait.
  await receiveOne();
  await waitFor(() => openDescriptors().length <= before.length, 'every descriptor to be closed');
  t.diagnostic(`${count} attacks in ${fuzzSeconds} s`);
});

type Kind = 'master' | 'pipe' | 'socket';

interface Dialing {
  messages: { name: Uint8Array; descriptors: Kind[] }[];
  isLeaving: boolean;
}

const dialing: fc.Arbitrary<Dialing> = fc.record({
  messages: fc.array(
    fc.record({
      name: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constant(Buffer.alloc(5000, 'n')),
        fc.constant(Buffer.alloc(9)),
      ),
      descriptors: fc.array(fc.constantFrom<Kind>('master', 'pipe', 'socket'), { maxLength: 5 }),
    }),
    { maxLength: 3 },
  ),
  isLeaving: fc.boolean(),
});
