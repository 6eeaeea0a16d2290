/**
 * `make bench`: measures termshim beside its peers and the limit, in one run on one machine.
 *
 *   node dist/bench/run.js [--quick] [--rows echo,flood,...] [--out FILE]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { builtProgram } from './child.js';
import { conmonPeer } from './conmon-peer.js';
import type { Peer } from './peer.js';
import { anywhere, onOneCpu } from './placement.js';
import { createReport, toJson } from './report.js';
import type { Bench } from './rounds.js';
import { measureBusy } from './rows/busy.js';
import { measureCrowd } from './rows/crowd.js';
import { measureEcho } from './rows/echo.js';
import { measureFlood } from './rows/flood.js';
import { measureTail } from './rows/tail.js';
import { nodeCommand, socketPeer } from './socket-peer.js';
import { formatTable } from './table.js';

const oneCpu = ', one CPU';

const rows: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  echo: (bench) => measureEcho(bench, anywhere, ''),
  'echo-one-cpu': (bench) => onOneCpu((placement) => measureEcho(bench, placement, oneCpu)),
  flood: (bench) => measureFlood(bench, anywhere, ''),
  'flood-one-cpu': (bench) => onOneCpu((placement) => measureFlood(bench, placement, oneCpu)),
  busy: measureBusy,
  tail: measureTail,
  crowd: measureCrowd,
};

const limit = 'limit (C)';

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', default: Object.keys(rows).join() },
      out: { type: 'string', default: fileURLToPath(new URL('../../build/bench/results.json', import.meta.url)) },
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const peers = listPeers();
  const report = createReport();
  const machine = `Node ${process.version}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;
  for (const name of values.rows.split(',')) {
    const row = rows[name];
    if (row === undefined) throw new Error(`there is no row "${name}"; there are ${Object.keys(rows).join(', ')}`);
    const start = performance.now();
    await row({ peers, isQuick: values.quick, report });
    console.error(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  for (const { name, remark } of peers) if (remark !== undefined) report.note(`${name}: ${remark}`);
  const names = peers.map(({ name }) => name);
  console.log(`${machine}\n\n${formatTable(report, names, limit)}`);
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify({ machine, ...toJson(report, limit) }, null, 2)}\n`);
}

/** conmon only where it is installed. */
function listPeers(): Peer[] {
  const peers = [
    socketPeer(limit, [builtProgram('limit')]),
    socketPeer('termshim', nodeCommand('termshim')),
    socketPeer('npm epoll', nodeCommand('npm-epoll')),
    socketPeer('Node streams', nodeCommand('node-streams')),
  ];
  const conmon = conmonPeer();
  return conmon === undefined ? peers : [...peers, conmon];
}
