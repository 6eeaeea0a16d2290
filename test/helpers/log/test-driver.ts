/** A log driver that is a shell script, and a process whose output it gets. The daemon's part runs in the test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDriverTarget } from '../../../src/stdio/log-target/driver-target.js';
import type { DriverLimits } from '../../../src/stdio/log-target/log-driver.js';
import type { OpenLogTarget } from '../../../src/stdio/log-target/log-target.js';
import type { DriverTarget } from '../../../src/stdio/log-target/output-target.js';
import { writeProgram } from '../runtime/fake-runtime.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export interface TestDriver {
  readonly logTarget: OpenLogTarget;
  /** What was told of it. */
  readonly faults: readonly string[];
  /** Of a file of the driver's directory. */
  path(name: string): string;
  /** As `OpenLogTarget.end`, which comes when `run` has settled. */
  ended(): Promise<void>;
  /** What stands in a file of the driver's directory; empty if it is not there. */
  read(name: string): string;
  /** Runs a script in that directory, with its output at the driver, until it ends; as a runtime would. */
  run(script: string): Promise<void>;
}

/** Short, so that what takes its time is seen soon. */
export const testLimits: DriverLimits = {
  readyTimeoutMs: 5000,
  finishTimeoutMs: 2000,
  stopTimeoutMs: 1000,
  restartPauseMs: 10,
  provenAfterMs: 10_000,
};

/** Keeps stdout in `out` and stderr in `err`, and is ready at once. */
export const keeping = 'cat <&3 >>out 5>&- & cat <&4 >>err 5>&- & exec 3<&- 4<&- 5>&-; wait';

/** The script runs in a directory of its own. The driver is stopped after the test, and must be gone soon then. */
export async function startTestDriver(
  scope: Scope,
  script: string,
  more: Partial<DriverTarget & DriverLimits> = {},
): Promise<TestDriver> {
  const directory = temporaryDirectory(scope);
  const path = (name: string): string => join(directory, name);
  const program = writeProgram({ path }, 'driver', `cd '${directory}'\n${script}`);
  const faults: string[] = [];
  const target: DriverTarget = {
    kind: 'driver',
    program,
    args: [],
    env: {},
    readySign: 'close',
    onDeath: 'restart',
    ...more,
  };
  const options = {
    owner: undefined,
    signal: undefined,
    onError: ({ message }: Error) => void faults.push(message.replaceAll(program, 'DRIVER')),
  };
  const logTarget = await openDriverTarget(target, options, { ...testLimits, ...more }).catch((error: Error) => {
    error.message = error.message.replaceAll(program, 'DRIVER');
    throw error;
  });
  scope.after(() => logTarget.close());
  let ended: Promise<void> | undefined;
  return {
    logTarget,
    faults,
    path,
    async ended() {
      await ended;
    },
    read(name) {
      try {
        return readFileSync(path(name), 'utf8');
      } catch {
        return '';
      }
    },
    async run(command) {
      const child = spawn('sh', ['-c', command], {
        cwd: directory,
        stdio: ['ignore', logTarget.stdout.fd, logTarget.stderr.fd],
      });
      logTarget.stdout.close();
      logTarget.stderr.close();
      await once(child, 'exit');
      ended = logTarget.end();
    },
  };
}
