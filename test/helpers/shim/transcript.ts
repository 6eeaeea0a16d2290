/**
 * The output of ctr, step by step, without the parts that differ from run to run, so that two shims can be compared.
 */
import { isDeepStrictEqual } from 'node:util';
import { runOnPty } from '../sessions/pty-command.js';
import type { Containerd } from './containerd.js';
import type { Testbed } from '../e2e/testbed.js';

/** The step, and what was printed, line by line, with the exit status last. */
export type Transcript = Map<string, string[]>;

/** The steps that differ, with the lines of both. */
export function differencesOf(
  theirs: Transcript,
  ours: Transcript,
): Record<string, [theirs: string[] | undefined, ours: string[] | undefined]> {
  const steps = [...new Set([...theirs.keys(), ...ours.keys()])];
  const different = steps.filter((step) => !isDeepStrictEqual(ours.get(step), theirs.get(step)));
  return Object.fromEntries(different.map((step) => [step, [theirs.get(step), ours.get(step)]]));
}

export interface Script {
  /** One step: ctr without a terminal. */
  ctr(step: string, ...args: string[]): Promise<void>;
  /** One step: ctr at a terminal. */
  atTerminal(step: string, ...args: string[]): Promise<void>;
  /** Anything else that is to be compared. */
  note(step: string, text: string): void;
  readonly transcript: Transcript;
}

/** `ids` are the containers of the script, which have other names in another run. */
export function openScript(testbed: Testbed, containerd: Containerd, ids: readonly string[]): Script {
  const transcript: Transcript = new Map();
  const note: Script['note'] = (step, text) => {
    const names = [containerd.namespace, ...ids];
    let same = text.replaceAll(testbed.directory, 'STAGE');
    for (const [index, name] of names.entries()) same = same.replaceAll(name, index === 0 ? 'NAMESPACE' : `ID${index}`);
    transcript.set(
      step,
      same
        .replaceAll(/time="\S+"/g, 'time=T')
        .trimEnd()
        .split(/\r*\n/)
        .map(withoutNumbers),
    );
  };
  return {
    async ctr(step, ...args) {
      const { stdout, stderr, status } = await containerd.ctr(...args);
      note(step, `${stdout}${stderr === '' ? '' : `stderr: ${stderr}`}status ${status}`);
    },
    async atTerminal(step, ...args) {
      const { shown, status } = await runOnPty(testbed, containerd.command(...args));
      note(step, `${shown}status ${status}`);
    },
    note,
    transcript,
  };
}

/** Pids and figures have columns of their own; an exit status has not. */
function withoutNumbers(line: string): string {
  if (line.startsWith('status ')) return line;
  return line
    .replaceAll(/\d{4}-\d\d-\d\d \S+ \+0000 UTC|seconds:\d+ nanos:\d+/g, 'TIME')
    .replace(/^([a-z_]+(?:\.[a-z_]+)+) .*/, '$1 N')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?<=^| )\d{2,}(?= )/g, 'PID')
    .trim();
}
