/**
 * `make bench`: measures termshim beside its peers in one run on one machine.
 *
 *   node dist/bench/run.js [--quick] [--rows echo,session,shim:start,...] [--out FILE]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { consoleSection } from './consoles/section.js';
import { logSection } from './logs/section.js';
import { type Report, createReport, formatTable, toJson } from './harness/report.js';
import type { Section } from './harness/rounds.js';
import { sessionSection } from './sessions/section.js';
import { shimSection } from './shims/section.js';

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string' },
      out: { type: 'string', default: fileURLToPath(new URL('../../build/bench/results.json', import.meta.url)) },
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const machine = `Node ${process.version}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;
  const sections = {
    consoles: consoleSection(),
    sessions: sessionSection(),
    shims: shimSection(),
    logs: logSection(),
  };
  const wanted = select(Object.values(sections), values.rows?.split(','));
  const results: Record<string, object> = {};
  console.log(machine);
  for (const [title, section] of Object.entries(sections)) {
    const rows = Object.keys(section.rows).filter((name) => wanted.has(name));
    if (rows.length === 0) continue;
    const report = await measure(section, rows, values.quick);
    const names = section.peers.map(({ name }) => name);
    console.log(`\n${formatTable(report, names, section.limit)}`);
    results[title] = toJson(report, section.limit);
  }
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify({ machine, ...results }, null, 2)}\n`);
}

/** Without names all rows; `shim` is every row that begins with `shim:`. */
function select(sections: readonly Section[], names: readonly string[] | undefined): Set<string> {
  const all = sections.flatMap(({ rows }) => Object.keys(rows));
  const matching = (name: string): string[] => {
    const found = all.filter((row) => row === name || row.startsWith(`${name}:`));
    if (found.length === 0) throw new Error(`there is no row "${name}"; there are ${all.join(', ')}`);
    return found;
  };
  return new Set(names?.flatMap(matching) ?? all);
}

async function measure({ rows, peers, obstacle }: Section, names: string[], isQuick: boolean): Promise<Report> {
  const report = createReport();
  if (obstacle !== undefined) {
    report.note(`${names.join(', ')}: not measured: ${obstacle}`);
    return report;
  }
  for (const name of names) {
    const start = performance.now();
    await rows[name]?.({ report, isQuick });
    console.error(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  for (const { name, remark } of peers) if (remark !== undefined) report.note(`${name}: ${remark}`);
  return report;
}
