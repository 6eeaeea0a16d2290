/**
 * `termshim completion`: what a shell loads to complete our command lines, and the answers that it then asks for.
 */
import { Argument, Command } from 'commander';
import { type Answer, complete } from '../completion/complete.js';
import { type Shell, script, shells } from '../completion/scripts.js';
import { print } from '../output/print.js';
import type { Verbs } from '../verb.js';

export function command(verbs: Verbs): Command {
  return new Command()
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .argument('[words...]', 'after --: a command line, whose last word is completed')
    .addHelpText('after', example)
    .action((shell: Shell, words: string[]) => completion(shell, words, verbs));
}

const example = `
Without words it prints the script, which completes verbs, options, their values, and the ids of containers.

Examples:
  $ eval "$(termshim completion bash)"      # in ~/.bashrc
  $ termshim completion bash > /etc/bash_completion.d/termshim
  $ termshim completion zsh > "\${fpath[1]}/_termshim"
  $ termshim completion fish > ~/.config/fish/completions/termshim.fish
`;

/** Somebody in the middle of a line wants no errors in it: what fails has no answer. */
async function completion(shell: Shell, words: string[], verbs: Verbs): Promise<void> {
  if (words.length === 0) return print(script(shell));
  const answer = await complete(shell === 'bash' ? joinAssignments(words) : words, verbs).catch((): Answer => []);
  await print(typeof answer === 'string' ? `:${answer}\n` : lines(shell, answer));
  // A daemon that does not answer in time is not waited for.
  process.exit();
}

/** bash has `--format=json` in three words, and wants the third. */
function joinAssignments(words: readonly string[]): string[] {
  const joined: string[] = [];
  let isValue = false;
  for (const word of words) {
    const previous = joined.at(-1);
    if (previous?.startsWith('--') && (isValue || word === '=')) joined[joined.length - 1] = previous + word;
    else joined.push(word);
    isValue = word === '=';
  }
  return joined;
}

function lines(shell: Shell, answer: Exclude<Answer, string>): string {
  return answer.map(({ value, about = '' }) => `${line[shell](value, about)}\n`).join('');
}

const line: Readonly<Record<Shell, (value: string, about: string) => string>> = {
  bash: (value) => value.replace(/^--[^=]*=/, ''),
  zsh: (value, about) => `${value.replaceAll(':', '\\:')}:${about}`,
  fish: (value, about) => `${value}\t${about}`,
};
