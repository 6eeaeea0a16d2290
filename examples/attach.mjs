/**
 * Attaches this terminal to a process whose terminal is copied to FIFOs, by `termshim copy` or by copy-console.mjs:
 *
 *     node examples/attach.mjs IN OUT
 *
 * Type ctrl-p ctrl-q to detach. The process goes on, and somebody else can attach.
 */
import { attach, FifoReader, FifoWriter } from 'termshim';

const [stdin, stdout] = process.argv.slice(2);
if (stdin === undefined || stdout === undefined) throw new Error('usage: attach.mjs IN OUT');

const output = FifoReader.open(stdout);
const attachment = attach({
  input: { sink: await FifoWriter.open(stdin), detachKeys: Uint8Array.of(0x10, 0x11) },
  isRaw: true,
  outputs: [{ from: output, to: 1 }],
});
// `ended`, `detached` or `broken`; the terminal is as it was before.
const end = await attachment.done;
process.stderr.write(`\n${end}\n`);
process.exit();
