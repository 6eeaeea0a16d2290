/*
 * One daemon serves 50 sessions. In each session one client stays and must get every byte in order, while other clients
 * attach and detach at random, at least 20 times: by Detach, by closing their FIFOs, during the replay, or without
 * reading at all. What could break: output goes to the wrong client or is lost when the set of clients changes, a
 * client is never released, or descriptors and memory grow with each cycle.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createFifo, FifoReader, FifoWriter } from '../../../src/os/fifo.js';
import { addon } from '../../../src/native/addon.js';
import { type Reader, readFrom } from '../../helpers/copy/reader.js';
import { missing } from '../../helpers/base/requirement.js';
import { type ShimDaemon, startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const sessionCount = 50;
const cycles = 5;
/** Of one round: 4 KiB for each client. */
const mostKib = 2048;
const mostRounds = 12;
const lineCount = 400;

test('a client gets every byte while others attach and detach in 50 sessions', {
  skip: missing('root'),
  timeout: 240_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const daemon = await startShimDaemon(testbed);
  const ids: string[] = [];
  for (let i = 0; i < sessionCount; i++) ids.push(await startCounting(testbed, daemon));
  const stays = await Promise.all(ids.map((id) => attach(testbed, daemon, id, 'stays')));
  for (const client of stays) client.type('go\r');
  await Promise.all(stays.map((client) => client.output.expect('1\r\n')));
  const churnALot = () => Promise.all(Array.from({ length: cycles }, () => churn(testbed, daemon, ids)));
  await churnALot();
  const before = daemon.countDescriptors();
  const grown = [Number.POSITIVE_INFINITY];
  // A heap grows to a size, and then no more: what leaks grows with every round.
  while ((grown.at(-1) as number) > mostKib && grown.length <= mostRounds) {
    const memory = anonymousKib(daemon.pid);
    await churnALot();
    grown.push(anonymousKib(daemon.pid) - memory);
  }
  await waitFor(() => daemon.countDescriptors() <= before, `${before} descriptors again`, 10_000);
  t.diagnostic(`KiB more after each ${2 * cycles * sessionCount} clients: ${grown.slice(1).join(' ')}`);
  assert.ok((grown.at(-1) as number) <= mostKib, `memory grew in every round: by ${grown.slice(1).join(', ')} KiB`);
  const expected = Array.from({ length: lineCount }, (_, i) => `${i + 1}\r\n`).join('');
  for (const client of stays) {
    client.type('end\r');
    await client.output.expect('done\r\n');
    assert.ok(
      client.output
        .text()
        .replaceAll(/[^0-9\r\n]/g, '')
        .replaceAll(/^\r\n/gm, '')
        .includes(expected),
    );
  }
  for (const id of ids) await within(daemon.task.wait({ id }), 'the end of a session');
  for (const client of stays) await waitFor(() => client.output.hasEnded, 'the end of the output of a client');
  for (const id of ids) await daemon.task.delete({ id });
  for (const client of stays) client.close();
});

/** A shell that prints numbered lines, some each time it is asked, and ends when told to. */
async function startCounting(testbed: Testbed, daemon: ShimDaemon): Promise<string> {
  const id = testbed.newId();
  const script =
    `stty -echo; read go; i=0; while [ $i -lt ${lineCount} ]; do i=$((i+1)); echo $i; ` +
    `[ $((i % 40)) -eq 0 ] && sleep 0.2; done; read end; echo done`;
  const bundle = await daemon.makeBundle(id, ['/bin/sh', '-c', script]);
  await daemon.announce(id, bundle);
  await daemon.task.create({ ...daemon.request(id, bundle), stdout: '' });
  await daemon.task.start({ id });
  return id;
}

interface Client {
  output: Reader;
  type(text: string): void;
  detach(): Promise<unknown>;
  close(): void;
}

let count = 0;

async function attach(testbed: Testbed, daemon: ShimDaemon, id: string, label: string): Promise<Client> {
  const path = testbed.path(`client-${count++}`);
  for (const name of ['in', 'out']) createFifo(`${path}.${name}`);
  const reader = FifoReader.open(`${path}.out`);
  const output = readFrom(reader.fd);
  const request = { id, stdin: `${path}.in`, stdout: `${path}.out`, columns: 80, rows: 24, replay: true, label };
  const { client } = await daemon.sessions.attach(request);
  const writer = await FifoWriter.open(`${path}.in`, { timeoutMs: 5000 });
  return {
    output,
    type: (text) => void addon.fd_write(writer.fd, Buffer.from(text)),
    detach: () => daemon.sessions.detach({ id, client }),
    close() {
      output.close();
      reader.close();
      writer.close();
    },
  };
}

/** Two cycles in each session, half of them without a good-bye. */
async function churn(testbed: Testbed, daemon: ShimDaemon, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const guests = await Promise.all([1, 2].map((number) => attach(testbed, daemon, id, `guest ${number}`)));
    const [polite, rude] = guests as [Client, Client];
    rude.close();
    await polite.detach();
    polite.close();
  }
}

function anonymousKib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss_Anon:\s*(\d+)/m.exec(rollup)?.[1]);
}
