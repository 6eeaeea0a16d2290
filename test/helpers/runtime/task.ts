/** A container of the pty runtime in the process of the test, with FIFOs and their readers and writers. */
import { join } from 'node:path';
import { createFifo, FifoReader, FifoWriter } from '../../../src/os/fifo.js';
import { writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { findRuntime } from '../../../src/runtime/find-runtime.js';
import { hostSpec } from '../../../src/runtime/spec/host-spec.js';
import { ociRuntime } from '../../../src/runtime/oci-runtime.js';
import { type TaskContainer, createTaskContainer } from '../../../src/task/container.js';
import type { TaskContainerOptions } from '../../../src/task/container-options.js';
import type { TaskEvent } from '../../../src/task/event.js';
import type { ProcessStdio } from '../../../src/task/io/process-io.js';
import type { Scope } from '../base/leak-free.js';
import { type Reader, readFrom } from '../copy/reader.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export interface TestStdio {
  stdio: ProcessStdio;
  /** The same as a request of the Task service has it. */
  request: { terminal: boolean; stdin: string; stdout: string; stderr: string };
  /** What came to the stdout FIFO. */
  output: Reader;
  /** Of a process without a terminal. */
  errors: Reader;
  /** The reading end of the stdout FIFO goes. */
  leave(): void;
  /** Opens the stdout FIFO for reading once more. */
  comeBack(): Reader;
  /** A writer for stdin. */
  openInput(): Promise<FifoWriter>;
}

export function newStdio(scope: Scope, kind: 'terminal' | 'pipes'): TestStdio {
  const directory = temporaryDirectory(scope);
  const [stdin, stdout, stderr] = ['in', 'out', 'err'].map((name) => join(directory, name)) as [string, string, string];
  for (const path of [stdin, stdout, stderr]) createFifo(path);
  const listen = (path: string): { reader: FifoReader; output: Reader } => {
    const reader = FifoReader.open(path);
    const output = readFrom(reader.fd);
    scope.after(() => {
      output.close();
      reader.close();
    });
    return { reader, output };
  };
  const { reader, output } = listen(stdout);
  const fifo = (path: string) => ({ kind: 'fifo', path }) as const;
  const common = { stdin, holdStdin: true, stdout: fifo(stdout), noReader: 'block', log: undefined } as const;
  return {
    stdio:
      kind === 'terminal'
        ? { kind, ...common, stdinEnd: 'hangup', size: undefined }
        : { kind, ...common, stderr: fifo(stderr), owner: undefined },
    request: { terminal: kind === 'terminal', stdin, stdout, stderr: kind === 'terminal' ? '' : stderr },
    output,
    errors: kind === 'terminal' ? output : listen(stderr).output,
    leave() {
      output.close();
      reader.close();
    },
    comeBack: () => listen(stdout).output,
    async openInput() {
      const writer = await FifoWriter.open(stdin, { timeoutMs: 5000 });
      scope.after(() => writer.close());
      return writer;
    },
  };
}

export interface TestContainer {
  container: TaskContainer;
  events: TaskEvent[];
  /** Their kinds, in order; those of exec processes with their ids. */
  story(): string[];
}

let count = 0;

/** Creates a container that runs `script` in a shell. It is destroyed after the test. */
export async function newContainer(
  scope: Scope,
  script: string,
  stdio: ProcessStdio,
  more: Partial<TaskContainerOptions> = {},
): Promise<TestContainer> {
  const directory = temporaryDirectory(scope);
  const bundle = join(directory, 'bundle');
  const size = stdio.kind === 'terminal' ? { columns: 80, rows: 24 } : undefined;
  await writeBundle(bundle, hostSpec({ args: ['/bin/sh', '-c', script], size }));
  const events: TaskEvent[] = [];
  const container = await createTaskContainer({
    id: `task-${process.pid}-${count++}`,
    runtime: ociRuntime({ ...findRuntime('pty', { isBundleGiven: true }), root: join(directory, 'root') }),
    bundle,
    stdio,
    pidFile: join(directory, 'pid'),
    others: 'left',
    connectTimeoutMs: 10_000,
    drainTimeoutMs: 5000,
    onEvent: (event) => void events.push(event),
    onError(error) {
      throw error;
    },
    ...more,
  });
  scope.after(() => container.destroy());
  return { container, events, story: () => events.map(tell) };
}

/** An OCI process that runs `script` in a shell. */
export function shellProcess(script: string): object {
  return { args: ['/bin/sh', '-c', script], cwd: '/', env: ['PATH=/usr/bin:/bin'] };
}

function tell(event: TaskEvent): string {
  return 'execId' in event && event.execId !== '' ? `${event.kind} ${event.execId}` : event.kind;
}
