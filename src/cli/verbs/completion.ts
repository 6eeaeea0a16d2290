/**
 * `termshim completion`: prints the script with which a shell completes termshim's command lines, and answers its
 * calls.
 */
import { Argument, Command } from 'commander';
import { type Answer, complete } from '../completion/complete.js';
import { type Shell, script, shells } from '../completion/scripts.js';
import { print } from '../output/print.js';
import type { Verbs } from '../verb.js';

export function command(verbs: Verbs): Command {
  return new Command()
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .argument('[words...]', 'after --: a command line to complete; the script passes it')
    .addHelpText('after', example)
    .action((shell: Shell, words: string[]) => completion(shell, words, verbs));
}

const example = `
The script completes commands, options, their values, and ids of containers.

Examples:
  $ eval "$(termshim completion bash)"      # in ~/.bashrc
  $ termshim completion bash > /etc/bash_completion.d/termshim
  $ termshim completion zsh > "\${fpath[1]}/_termshim"
  $ termshim completion fish > ~/.config/fish/completions/termshim.fish
`;

/** An error gives an empty answer: a message would disturb the line that the user is typing. */
async function completion(shell: Shell, words: string[], verbs: Verbs): Promise<void> {
  if (words.length === 0) return print(script(shell));
  const answer = await complete(shell === 'bash' ? joinAssignments(words) : words, verbs).catch((): Answer => []);
  await print(typeof answer === 'string' ? `:${answer}\n` : lines(shell, answer));
  // This does not wait for a daemon that has not answered in time.
  process.exit();
}

/** bash splits `--format=json` into three words, and expects completions of the third. */
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
