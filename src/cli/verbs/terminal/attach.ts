/**
 * `termshim attach`: attaches this terminal to the terminal of a running container, beside its other clients.
 */
import { constants } from 'node:os';
import { Command } from 'commander';
import { attachSession } from '../../../client/attach-session.js';
import { connect, resolveIds } from '../../connect.js';
import { execOption } from '../../options/options.js';
import { detachKeysOption } from '../../options/session-options.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';
import { endSignals, onSignals } from '../../../async/signals.js';

interface AttachOptions extends ShimOption {
  readOnly?: true;
  stdin: boolean;
  detachKeys: Uint8Array;
  exec?: string;
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .option('--read-only', 'ignore all input except the detach keys')
    .option('--no-stdin', 'do not read stdin')
    .addOption(detachKeysOption())
    .addOption(execOption('the process with this exec id, as in `termshim ps`'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(attach);
}

const example = `
Shows the current screen first. ctrl-p ctrl-q detaches with status 0, and signal
N detaches with status 128 + N. The container runs on. If the process ends, the
exit status is the status of the process. If stdin is not a terminal, its end
types ^D.

Examples:
  $ termshim attach build
  $ termshim attach --read-only build
  $ echo 'make test' | termshim attach build
`;

async function attach(id: string, options: AttachOptions): Promise<void> {
  using daemon = await connect(options);
  const ids = await resolveIds(daemon, id, options.exec);
  const { detachKeys } = options;
  const exit = daemon.task.wait(ids);
  exit.catch(() => {});
  const stdin = options.readOnly === true ? 'watched' : options.stdin ? 'typed' : 'left';
  const attached = await attachSession(daemon, { ...ids, stdin, detachKeys, replay: true });
  const signals = catchSignal();
  try {
    const end = await Promise.race([attached.done, signals.came]);
    if (typeof end === 'number') process.exitCode = 128 + end;
    else if (end === 'ended') process.exitCode = (await exit).exitStatus;
  } finally {
    signals.stop();
    attached.close();
  }
}

/** `came` resolves to the number of the first signal, which detaches. */
function catchSignal(): { came: Promise<number>; stop(): void } {
  let stop = (): void => {};
  const came = new Promise<number>((resolve) => {
    stop = onSignals(endSignals, (name) => resolve(constants.signals[name]));
  });
  return { came, stop };
}
