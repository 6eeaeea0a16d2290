/** The log targets of a test: a file, a log, a log driver. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputTarget, LogTarget } from '../../../src/stdio/log-target/output-target.js';
import type { ProcessStdio } from '../../../src/task/io/process-io.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export const stdioKinds = ['terminal', 'pipes'] as const;
export type StdioKind = (typeof stdioKinds)[number];

export interface TestLogTarget {
  target: LogTarget;
  /** The text of stdout that it has. */
  text(): string;
}

/** Each kind of log target, in a directory whose parent does not exist yet. */
export const testLogTargets = {
  file: (scope: Scope) => {
    const path = join(temporaryDirectory(scope), 'new', 'file');
    return { target: { kind: 'file', path }, text: () => readFileSync(path, 'utf8') };
  },
  'json-file': (scope: Scope) => {
    const path = join(temporaryDirectory(scope), 'new', 'log');
    const options = { path, format: 'json-file', maxBytes: undefined, maxFiles: 1, compress: false } as const;
    const text = (): string =>
      readFileSync(path, 'utf8')
        .split('\n')
        // While it is written, the last may be half a line.
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { log: string }).log)
        .join('');
    return { target: { kind: 'log', options }, text };
  },
  driver: (scope: Scope, first = ':') => {
    const directory = temporaryDirectory(scope);
    const program = join(directory, 'driver');
    const script = `#!/bin/sh\n{ ${first}; cat; } <&3 >>${directory}/out 5>&- & exec 3<&- 4<&- 5>&-; wait`;
    writeFileSync(program, script, { mode: 0o755 });
    const target = { kind: 'driver', program, args: [], env: {}, readySign: 'close', onDeath: 'restart' } as const;
    return { target, text: () => readFileSync(join(directory, 'out'), 'utf8') };
  },
} satisfies { [name: string]: (scope: Scope) => TestLogTarget };

export function stdioOf(kind: StdioKind, targets: { stdout?: OutputTarget; log?: LogTarget }): ProcessStdio {
  const { stdout, log } = targets;
  const common = { stdin: undefined, holdStdin: true, stdout, noReader: 'skip', log } as const;
  if (kind === 'pipes') return { kind, ...common, stderr: stdout, owner: undefined };
  return { kind, ...common, stdinEnd: 'hangup', size: undefined };
}
