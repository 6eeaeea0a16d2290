/**
 * `termshim stats`: shows the resource usage of containers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { Code, RpcError } from '../../../ttrpc/status.js';
import { connect, connectIfAny } from '../../connect.js';
import { formatBytes, formatDuration, none, printable, table } from '../../output/format.js';
import { jsonLine } from '../../output/json.js';
import { type Format, formatOption } from '../../options/options.js';
import { print } from '../../output/print.js';
import { findContainer } from '../../resolve.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';
import { type Usage, usageOf } from '../../output/cgroup-usage.js';
import { type DaemonConnection } from '../../../client/connection.js';

export function command(): Command {
  return new Command()
    .argument('[id...]', 'containers, or the beginnings of their ids (default: all)')
    .addOption(formatOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(stats);
}

const example = `
CPU is measured for half a second; 100% is one processor. If a container has no
control group, as under the pty runtime, all columns show \`-\`.

Examples:
  $ termshim stats
  $ termshim stats web --format json | jq '.[0].memoryBytes'
`;

interface StatsOptions extends ShimOption {
  format: Format;
}

async function stats(ids: string[], { format, shim }: StatsOptions): Promise<void> {
  const measured = await measureAll(ids, { shim });
  await print(format === 'json' ? jsonLine(measured) : statsTable(measured));
}

/** Scripts get all of these keys. */
export interface Measured extends Usage {
  id: string;
  cpuPercent: number | undefined;
}

const periodMs = 500;

async function measureAll(wanted: readonly string[], options: ShimOption): Promise<Measured[]> {
  using daemon = wanted.length > 0 ? await connect(options) : await connectIfAny(options);
  if (daemon === undefined) return [];
  const { sessions } = await daemon.sessions.list({});
  const all = sessions.filter((it) => it.execId === '').map((it) => it.id);
  const ids = wanted.length === 0 ? all : wanted.map((id) => findContainer(sessions, id));
  const before = await sampleAll(daemon, ids);
  await delay(before.some((it) => it.usage !== undefined) ? periodMs : 0);
  const after = await sampleAll(daemon, ids);
  return ids.map((id, i) => measuredOf(id, before[i], after[i]));
}

const nothing: Usage = {
  cpuNanoseconds: undefined,
  memoryBytes: undefined,
  memoryLimitBytes: undefined,
  pids: undefined,
  pidsLimit: undefined,
};

function measuredOf(id: string, before: Sample | undefined, after: Sample | undefined): Measured {
  return { id, cpuPercent: percentOf(before, after), ...(after?.usage ?? nothing) };
}

interface Sample {
  atMs: number;
  usage: Usage | undefined;
}

function sampleAll({ task }: DaemonConnection, ids: readonly string[]): Promise<Sample[]> {
  return Promise.all(
    ids.map(async (id) => {
      try {
        const answer = await task.stats({ id });
        return { atMs: performance.now(), usage: usageOf(answer.stats) };
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== Code.NotFound) throw error;
        return { atMs: performance.now(), usage: undefined };
      }
    }),
  );
}

function percentOf(before: Sample | undefined, after: Sample | undefined): number | undefined {
  const [from, to] = [before?.usage?.cpuNanoseconds, after?.usage?.cpuNanoseconds];
  if (before === undefined || after === undefined || from === undefined || to === undefined) return undefined;
  const usedMs = Number(to - from) / 1e6;
  return Math.round((1000 * usedMs) / (after.atMs - before.atMs)) / 10;
}

export function statsTable(measured: readonly Measured[]): string {
  return table([header, ...measured.map(row)]);
}

const header = ['ID', 'CPU', 'CPU TIME', 'MEMORY', 'LIMIT', 'PIDS'];

function row({ id, cpuPercent, cpuNanoseconds, memoryBytes, memoryLimitBytes, pids }: Measured): string[] {
  return [
    printable(id),
    cpuPercent === undefined ? none : `${cpuPercent.toFixed(1)}%`,
    cpuNanoseconds === undefined ? none : formatCpuTime(Number(cpuNanoseconds) / 1e6),
    memoryBytes === undefined ? none : formatBytes(memoryBytes),
    memoryLimitBytes === undefined ? none : formatBytes(memoryLimitBytes),
    pids === undefined ? none : `${pids}`,
  ];
}

function formatCpuTime(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)}s` : formatDuration(ms);
}
