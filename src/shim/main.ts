/**
 * The calls of containerd-shim-termshim-v2 that its launcher does not answer: `start`, `delete`, `-info` and `-v`, with
 * containerd's arguments. containerd waits for each call, so each loads only the modules that it needs.
 *
 * containerd takes everything that `start` writes to stdout or stderr for the address.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorLine } from '../errors/error-line.js';
import { TermshimError } from '../errors/errors.js';
import { beginProgram } from '../os/process/node-program.js';

beginProgram();
main().catch((error: unknown) => {
  writeSync(2, errorLine(error));
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values, positionals } = parseShimArguments();
  if (values.v === true) return say((await import('./info.js')).versionText());
  if (values.info === true) return runInfo();
  const [verb] = positionals;
  if (verb === 'start') return runStart(values);
  if (verb === 'delete') return runDelete(values);
  if (verb === undefined) throw wrongUsage('a command is missing: containerd calls this program with start or delete');
  throw wrongUsage(`unknown command ${JSON.stringify(verb)}: the commands are start and delete`);
}

async function runInfo(): Promise<void> {
  const { runtimeInfo } = await import('./info.js');
  // The answer may be too large for one write to a pipe.
  process.stdout.write(await runtimeInfo(warn));
}

type Values = ReturnType<typeof parseShimArguments>['values'];

async function runStart(values: Values): Promise<void> {
  const [{ start }, { encodeAnswer, readAnswerForm }] = await Promise.all([
    import('./start.js'),
    import('./bootstrap.js'),
  ]);
  const lockFd = values['lock-fd'];
  const who = required(values);
  const form = await readAnswerForm(who);
  const address = await start({
    ...who,
    address: values.address ?? '',
    isDebug: values.debug === true,
    lockFd: lockFd === undefined ? undefined : Number(lockFd),
  });
  say(await encodeAnswer(form, address));
}

async function runDelete(values: Values): Promise<void> {
  const { deleteContainer } = await import('./delete.js');
  say(await deleteContainer({ ...required(values), onError: warn }));
}

/** For `delete` and `-info`: containerd reads their answers only from stdout. */
function warn(error: unknown): void {
  writeSync(2, errorLine(error));
}

function required({ namespace, id, bundle }: Values): { namespace: string; id: string; bundle: string } {
  if (!namespace) throw wrongUsage('-namespace is missing');
  if (!id) throw wrongUsage('-id is missing');
  return { namespace, id, bundle: bundle ?? process.cwd() };
}

/** containerd's flags have one dash. Go's package `flag` accepts two dashes as well, and so does this function. */
function parseShimArguments() {
  const options = {
    namespace: { type: 'string' },
    id: { type: 'string' },
    address: { type: 'string' },
    'publish-binary': { type: 'string' },
    bundle: { type: 'string' },
    debug: { type: 'boolean' },
    info: { type: 'boolean' },
    v: { type: 'boolean' },
    'lock-fd': { type: 'string' },
  } as const;
  const args = process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z])/, '--'));
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node's second sentence is about positional arguments, which no option of containerd needs.
    throw wrongUsage((error as Error).message.replace(/\. .*/s, ''));
  }
}

function wrongUsage(reason: string): TermshimError {
  return new TermshimError('ERR_SHIM_USAGE', reason);
}

function say(answer: string | Uint8Array): void {
  writeSync(1, typeof answer === 'string' ? Buffer.from(answer) : answer);
}
