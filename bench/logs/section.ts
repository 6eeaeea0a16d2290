/** Logs of containers without a terminal: in our daemon, by our driver, and conmon's. All containers are runc's. */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { missing } from '../../test/helpers/base/requirement.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { anywhere, until } from '../harness/child.js';
import { cpuSeconds } from '../harness/process-figures.js';
import { type Bench, type Peer, type Section, playRounds } from '../harness/rounds.js';
import { onStage } from '../harness/stage.js';
import { type Logger, conmonLogger, lineProgram, shimLogger } from './loggers.js';

export function logSection(): Section {
  const { stdout } = spawnSync('conmon', ['--version'], { encoding: 'utf8' });
  const conmon = `conmon ${/\d+\.\d+\.\d+/.exec(stdout ?? '')?.[0] ?? ''} k8s-file`;
  const driver = new URL('../../../bin/termshim-log-driver', import.meta.url).pathname;
  const loggers = {
    'json-file in the daemon': (log: string) => `json-file://${log}`,
    'cri in the daemon': (log: string) => `cri://${log}`,
    'termshim-log-driver': (log: string) => `binary://${driver}?log-path=${log}`,
  };
  const peersOn = (testbed: Testbed): Peer<Logger>[] => [
    conmonLogger(conmon, testbed),
    ...Object.entries(loggers).map(([name, uriOf]) => shimLogger(name, testbed, uriOf)),
  ];
  return {
    limit: conmon,
    peers: [conmon, ...Object.keys(loggers)].map((name) => ({ name })),
    obstacle: missing('root', 'busybox', 'runc', 'conmon') || undefined,
    rows: {
      'log:flood': (run) =>
        onStage(run.report, (testbed) => measureLogFlood({ ...run, peers: peersOn(testbed) }, testbed)),
    },
  };
}

/** How fast lines get from a container's stdout into its log, and how much CPU time the logging program uses. */
export async function measureLogFlood(bench: Bench<Logger>, testbed: Testbed): Promise<void> {
  const bytes = bench.isQuick ? 10_000_000 : 200_000_000;
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 9, async (logger, add) => {
    const program = lineProgram(testbed, bytes);
    const { log, pids, remove } = await logger.open(program);
    const loggers = pids();
    const cpuBefore = cpuSeconds(loggers);
    const began = performance.now();
    await program.begin();
    await until(() => hasLastLine(log), 'last line in the log');
    const seconds = (performance.now() - began) / 1000;
    const cpu = cpuSeconds(loggers) - cpuBefore;
    await remove();
    rmSync(log);
    add('log', 'MB/s', bytes / 1e6 / seconds);
    add('log CPU', 's/GB', cpu / (bytes / 1e9));
  });
}

function hasLastLine(log: string): boolean {
  const fd = openSync(log, 'r');
  try {
    const tail = Buffer.alloc(200);
    const length = readSync(fd, tail, 0, tail.length, Math.max(0, fstatSync(fd).size - tail.length));
    return tail.subarray(0, length).includes('the last line');
  } finally {
    closeSync(fd);
  }
}
