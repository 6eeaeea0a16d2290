/*
 * The completion scripts run inside the shells of users. The test loads each script into a real shell at a terminal and
 * presses the Tab key, because only the shell shows what it makes of the answers. It must be harmless to load a script
 * twice, or to complete a word that would do something if it were evaluated.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { serveFakeDaemon, session } from '../../helpers/e2e/fake-daemon.js';
import { missing } from '../../helpers/base/requirement.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { type Tmux, startTmux } from '../../helpers/sessions/tmux.js';

const prompt = '[here]';

interface ShellCase {
  start: string;
  load: string;
}

const shells = {
  bash: {
    start: `PS1='${prompt} ' bash --norc --noprofile -i`,
    load: 'eval "$(termshim completion bash)"',
  },
  zsh: {
    start: `PS1='${prompt} ' zsh -f -i`,
    load: 'autoload -Uz compinit; compinit -D -u; eval "$(termshim completion zsh)"',
  },
  fish: {
    start: `fish --no-config -i -C 'function fish_prompt; echo -n "${prompt} "; end; set fish_greeting'`,
    load: 'termshim completion fish | source',
  },
} satisfies Record<string, ShellCase>;

/** What is typed before the Tab key is pressed twice, and what the screen shows then. */
const lines: readonly (readonly [what: string, typed: string, shown: RegExp])[] = [
  ['if it ends in a verb', 'termshim resi', /] termshim resize$/m],
  [
    'if it ends in an id behind an option with its value',
    'termshim kill -s HUP work',
    /] termshim kill -s HUP worker-7$/m,
  ],
  ['if several ids fit', 'termshim delete w', /web[^]*worker-7|worker-7[^]*web/],
  ['if it ends in a value after =', 'termshim ps --format=js', /] termshim ps --format=json$/m],
  ['if a directory is wanted', 'termshim run --bundle ./bun', /] termshim run --bundle \.\/bundle-1\/$/m],
  ['and evaluates no word of it', 'termshim delete $(touch evaluated) wor', /evaluated\) worker-7$/m],
];

for (const [name, shell] of Object.entries(shells)) {
  test(`the Tab key completes a line in ${name}`, { skip: missing('tmux', name as keyof typeof shells) }, async (t) => {
    const { tmux, testbed } = await startShell(t, shell);
    for (const [what, typed, shown] of lines) {
      await t.test(what, async () => {
        await tmux.press('-l', typed);
        await tmux.press('Tab', 'Tab');
        await tmux.expect(shown);
        await clear(tmux);
      });
    }
    assert.ok(!existsSync(testbed.path('home/evaluated')));
  });
}

/** In a directory with `bundle-1` and `bundle.txt`, with the script loaded twice. */
async function startShell(t: TestContext, { start, load }: ShellCase): Promise<{ tmux: Tmux; testbed: Testbed }> {
  const testbed = openTestbed(t);
  const { env } = serveFakeDaemon(t, { list: [session('web'), session('worker-7')] });
  for (const path of ['bin', 'home', 'home/bundle-1']) mkdirSync(testbed.path(path));
  writeFileSync(testbed.path('home/bundle.txt'), '');
  symlinkSync(termshimProgram, testbed.path('bin/termshim'));
  const [PATH, HOME] = [`${testbed.path('bin')}:${process.env['PATH']}`, testbed.path('home')];
  const { XDG_RUNTIME_DIR } = env;
  const tmux = await startTmux({ ...testbed, env: { ...testbed.env, XDG_RUNTIME_DIR, PATH, HOME } });
  for (const line of [`cd; exec env ${start}`, load, load]) {
    await tmux.type(line);
    await tmux.expect(/\[here\]$/);
  }
  await clear(tmux);
  return { tmux, testbed };
}

/** Drops the line, and empties the screen. A ^C would be lost while the shell asks what it could complete. */
async function clear(tmux: Tmux): Promise<void> {
  await tmux.press('C-u');
  await tmux.type('clear');
  await tmux.expect(/^\[here\]$/);
}
