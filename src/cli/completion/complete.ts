/** Finds the completions of the last word of a command line. */
import type { Command, Option } from 'commander';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../ttrpc/gen/termshim/sessions.js';
import { connect } from '../connect.js';
import { formatCommand, shorten } from '../output/format.js';
import { type Verbs, loadVerb } from '../verb.js';

export interface Candidate {
  value: string;
  about?: string;
}

/** The candidates, or the kind of paths that the shell completes itself. */
export type Answer = readonly Candidate[] | 'files' | 'dirs';

/** @param words the words after `termshim`; the last one is being typed, and may be empty */
export async function complete(words: readonly string[], verbs: Verbs): Promise<Answer> {
  const current = words.at(-1) ?? '';
  const answer = await candidates(words.slice(0, -1), current, verbs);
  return typeof answer === 'string' ? answer : answer.filter(({ value }) => value.startsWith(current));
}

async function candidates([name, ...before]: readonly string[], current: string, verbs: Verbs): Promise<Answer> {
  if (name === undefined) {
    return [
      ...Array.from(verbs, ([value, { about }]) => ({ value, about })),
      { value: '--help' },
      { value: '--shim' },
      { value: '--version' },
    ];
  }
  if (name === '--shim') return before.length === 0 ? 'files' : candidates(before.slice(1), current, verbs);
  if (!verbs.has(name)) return name === 'help' ? candidates([], current, verbs) : [];
  const command = await loadVerb(name, verbs);
  const { operands, open, isPlain } = read(command, before);
  if (open !== undefined) return valuesOf(open, operands);
  if (!isPlain && current.startsWith('-')) return optionsOf(command, current, operands);
  const known = command.registeredArguments;
  const argument = known[operands.length] ?? (known.at(-1)?.variadic ? known.at(-1) : undefined);
  if (argument === undefined) return [];
  const isPath = argument.name() === 'id|file' && current.includes('/');
  return named(isPath ? 'file' : argument.name(), argument.argChoices, operands, true);
}

interface ReadWords {
  operands: string[];
  /** An option whose value is the next word. */
  open: Option | undefined;
  /** Whether further words that begin with a dash are not options. */
  isPlain: boolean;
}

function read(command: Command, words: readonly string[]): ReadWords {
  const operands: string[] = [];
  const takesProgram = command.registeredArguments.some((it) => it.name() === 'command');
  let open: Option | undefined;
  let isPlain = false;
  for (const word of words) {
    if (open !== undefined) open = undefined;
    else if (isPlain) operands.push(word);
    else if (word === '--') isPlain = true;
    else if (word.startsWith('-') && word !== '-') open = wanting(command, word);
    else operands.push(word);
    // These commands take no options after their first argument: later options belong to the program.
    isPlain ||= takesProgram && operands.length > 0;
  }
  return { operands, open, isPlain };
}

/**
 * The option in `word` whose value is the next word. If there are several letters, only the last one can have a value.
 */
function wanting(command: Command, word: string): Option | undefined {
  if (word.includes('=')) return undefined;
  const flag = word.startsWith('--') ? word : `-${word.at(-1)}`;
  const option = command.options.find((it) => it.long === flag || it.short === flag);
  return option?.required ? option : undefined;
}

async function optionsOf(command: Command, current: string, operands: readonly string[]): Promise<Answer> {
  const options = command.createHelp().visibleOptions(command);
  const [, flag] = /^(--[^=]+)=/.exec(current) ?? [];
  if (flag === undefined) {
    const flags = (option: Option): string[] => [option.long, option.short].filter((it) => it !== undefined);
    return options.flatMap((option) => flags(option).map((value) => ({ value, about: option.description })));
  }
  const option = options.find((it) => it.long === flag);
  const values = option?.required ? await valuesOf(option, operands) : [];
  return typeof values === 'string' ? values : values.map((it) => Object.assign(it, { value: `${flag}=${it.value}` }));
}

/** The name in the angle brackets of the option says what kind of value it has. */
function valuesOf(option: Option, operands: readonly string[]): Promise<Answer> {
  const [, placeholder = ''] = /<([^>]+)>/.exec(option.flags) ?? [];
  return named(placeholder, option.argChoices, operands, false);
}

async function named(
  name: string,
  choices: readonly string[] | undefined,
  operands: readonly string[],
  isArgument: boolean,
): Promise<Answer> {
  if (choices !== undefined) return choices.map((value) => ({ value }));
  switch (name) {
    case 'dir':
      return 'dirs';
    case 'file':
    case 'path':
    case 'fifo':
    case 'socket':
    case 'command':
      return 'files';
    case 'signal':
      return Object.keys(constants.signals).map((value) => ({ value: value.replace(/^SIG/, '') }));
    case 'runtime':
      return ['runc', 'crun', 'pty'].map((value) => ({ value }));
    case 'policy':
      return ['latest', 'smallest', 'largest'].map((value) => ({ value }));
    case 'id':
    case 'id|file':
      // If it is the value of an option, it is the id of a new container.
      return isArgument ? containers(await sessionsSoon(), operands) : [];
    case 'exec':
      return execs(await sessionsSoon(), operands[0] ?? '');
    default:
      return [];
  }
}

function containers(sessions: readonly Session[], given: readonly string[]): Candidate[] {
  const inits = sessions.filter((it) => it.execId === '' && !given.includes(it.id));
  return inits.map((it) => ({ value: it.id, about: describe(it) }));
}

function execs(sessions: readonly Session[], id: string): Candidate[] {
  const found = sessions.filter((it) => it.execId !== '' && it.id.startsWith(id));
  return found.map((it) => ({ value: it.execId, about: describe(it) }));
}

function describe({ state, command }: Session): string {
  return `${state}, ${shorten(formatCommand(command), 40)}`;
}

/** The user who has pressed the key does not wait longer. */
const timeoutMs = 500;

async function sessionsSoon(): Promise<Session[]> {
  const asking = (async () => {
    using daemon = await connect({ shim: process.env['TERMSHIM_SHIM'] });
    return (await daemon.sessions.list({}, { timeoutMs })).sessions;
  })();
  return Promise.race([asking, delay(timeoutMs, [])]);
}
