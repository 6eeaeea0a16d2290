/**
 * Runs a command in a container with a terminal, in the foreground, and exits with its status:
 *
 *     node examples/run-container.mjs ROOTFS COMMAND [ARGUMENT...]
 *
 * It uses runc or crun, whichever is in PATH, and needs root unless the kernel lets you create user namespaces.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  attach,
  createContainer,
  createFifo,
  defaultSpec,
  FifoReader,
  FifoWriter,
  findRuntime,
  ociRuntime,
  writeBundle,
} from 'termshim';

const [rootfs, ...args] = process.argv.slice(2);
if (rootfs === undefined || args.length === 0) throw new Error('usage: run-container.mjs ROOTFS COMMAND [ARGUMENT...]');

const bundle = mkdtempSync(join(tmpdir(), 'run-container-'));
const [stdin, stdout] = [join(bundle, 'in'), join(bundle, 'out')];
try {
  const { columns = 80, rows = 24 } = process.stdout;
  await writeBundle(bundle, defaultSpec({ rootfs, args, terminal: true, size: { columns, rows } }));
  createFifo(stdin);
  createFifo(stdout);
  // The reading ends come first: a writer waits for them.
  const output = FifoReader.open(stdout);
  const creating = createContainer({
    id: `example-${process.pid}`,
    runtime: ociRuntime(findRuntime()),
    bundle,
    stdio: { kind: 'terminal', stdin, stdinEnd: 'veof', stdout: { kind: 'fifo', path: stdout } },
  });
  creating.catch(() => output.close());
  const container = await creating;
  const attachment = attach({
    input: { sink: await FifoWriter.open(stdin) },
    isRaw: true,
    outputs: [{ from: output, to: 1 }],
  });
  process.on('SIGWINCH', () => container.init.resize({ columns: process.stdout.columns, rows: process.stdout.rows }));
  await container.start();
  const { status } = await container.init.exited;
  await container.delete();
  await attachment.done;
  process.exitCode = status;
} finally {
  rmSync(bundle, { recursive: true });
}
