/** How fast lines get from a container's stdout into its log, and what that costs whoever logs. */
import { openSync, closeSync, fstatSync, readSync, rmSync } from 'node:fs';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { until } from '../harness/child.js';
import { lineProgram, type Logger } from './logger.js';
import { anywhere } from '../harness/placement.js';
import { cpuSeconds } from '../harness/process-figures.js';
import { type Bench, playRounds } from '../harness/rounds.js';

export async function measureLogFlood(bench: Bench<Logger>, stage: Stage): Promise<void> {
  const bytes = bench.isQuick ? 10_000_000 : 200_000_000;
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 9, async (logger, add) => {
    const program = lineProgram(stage, bytes);
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
