/**
 * Runs the parts of `make test` one after the other: `run-parts.mjs LIMIT NAME=LIMIT...` runs `make NAME` for each NAME. If a
 * part fails, the next ones run all the same. If a part exceeds its limit, or all parts exceed the first limit, the part is
 * killed with every process that it started, and has failed. The end of the output is the errors of each failed part, then
 * one table. Exits with 1 if a part failed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import ms from 'ms';

const logs = 'build/parts';
/** How long a part may take to clean up after SIGTERM, before SIGKILL. */
const graceMs = 10_000;
const shownLines = 80;

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const stopped = new Promise((resolve) => {
  for (const signal of stopSignals) process.on(signal, resolve);
});

rmSync(logs, { recursive: true, force: true });
mkdirSync(logs, { recursive: true });
const rows = [];
const [limitOfAll, ...parts] = process.argv.slice(2);
for (const part of parts) {
  const [name, limit] = part.split('=');
  rows.push(await runPart(name, limit));
  if (stopSignals.includes(rows.at(-1).result)) break;
}
const failures = rows.filter((row) => row.result !== 'ok');
for (const { name, result } of failures) console.log(`\n== ${name}: ${result} (${logFile(name)})\n${errorsOf(name)}`);
console.log(tableOf(rows));
process.exitCode = failures.length > 0 ? 1 : 0;

async function runPart(name, limit) {
  console.log(`\n== ${name} (limit: ${limit})`);
  writeFileSync(logFile(name), '');
  const startedAt = performance.now();
  const mark = `TERMSHIM_TEST_PART=${name}-${process.pid}`;
  // bash and tee outlive the signals that end the part, so the log has its last words.
  const command = `trap : INT TERM
    make --no-print-directory -o build ${name} 2>&1 | (trap '' INT TERM; exec tee ${logFile(name)})`;
  const group = spawn('env', [mark, 'bash', '-o', 'pipefail', '-c', command], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const limitMs = Math.min(ms(limit), ms(limitOfAll) - performance.now());
  const exited = once(group, 'exit').then(([status]) => (status === 0 ? 'ok' : 'failed'));
  const result = await Promise.race([exited, stopped, sleep(limitMs, 'time is up', { ref: false })]);
  if (result !== 'ok' && result !== 'failed') await endGroup(group.pid, exited);
  killMarked(mark);
  return { name, result, seconds: Math.round((performance.now() - startedAt) / 1000), ...countsOf(name) };
}

async function endGroup(pid, exited) {
  signalGroup(pid, 'SIGTERM');
  const isOver = await Promise.race([exited, sleep(graceMs, false, { ref: false })]);
  if (isOver === false) signalGroup(pid, 'SIGKILL');
  await exited;
}

/** The part may have ended in the moment in which its time was up. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Daemons leave the process group of the test that started them, but keep its environment. */
function killMarked(mark) {
  for (const pid of readdirSync('/proc').filter((it) => /^\d+$/.test(it))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)) process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) throw error;
    }
  }
}

/** The sums that each `node --test` of a part prints at its end. */
function countsOf(name) {
  const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0 };
  const sums = readLog(name).matchAll(/[ℹ#] (pass|fail|cancelled|skipped) (\d+)/g);
  for (const [, word, count] of sums) counts[word] += Number(count);
  return { passed: counts.pass, failed: counts.fail + counts.cancelled, skipped: counts.skipped };
}

/** What `node --test` lists as failing tests, or else the end of the log. */
function errorsOf(name) {
  const lines = readLog(name).trimEnd().split('\n');
  const from = lines.findLastIndex((line) => line.endsWith('failing tests:'));
  if (from === -1) return lines.slice(-shownLines).join('\n');
  const shown = lines.slice(from, from + shownLines);
  const left = lines.length - from - shown.length;
  return [...shown, ...(left > 0 ? [`... and ${left} more lines`] : [])].join('\n');
}

/** Lines such as `e2e            622        0        0    18:03  ok`. */
function tableOf(results) {
  const rowOf = (name, ...cells) => name.padEnd(10) + cells.map((cell) => `${cell}`.padStart(9)).join('');
  const lines = results.map(({ name, passed, failed, skipped, seconds, result }) => {
    const time = `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`;
    return `${rowOf(name, passed, failed, skipped, time)}  ${result}`;
  });
  return ['', `${rowOf('part', 'passed', 'failed', 'skipped', 'minutes')}  result`, ...lines].join('\n');
}

function readLog(name) {
  return readFileSync(logFile(name), 'utf8');
}

function logFile(name) {
  return `${logs}/${name}.log`;
}
