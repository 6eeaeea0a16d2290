/** Shows a text anew each second: on the alternate screen of a terminal, or one text after the other. */
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { print } from './print.js';
import { openFullScreen } from './full-screen.js';

export interface RepeatOptions {
  /** Whether the text is for people: then it is shown on the alternate screen if stdout is a terminal. */
  onScreen: boolean;
}

const periodMs = 1000;

/** On the alternate screen, resolves when the user ends it. Otherwise goes on until a signal ends the process. */
export async function repeat(render: () => Promise<string>, { onScreen }: RepeatOptions): Promise<void> {
  if (onScreen && isatty(1)) return repeatOnScreen(render);
  for (;;) {
    await print(`${await render()}${onScreen ? '\n' : ''}`);
    await delay(periodMs);
  }
}

async function repeatOnScreen(render: () => Promise<string>): Promise<void> {
  using screen = openFullScreen();
  const { signal } = screen.closing;
  while (!signal.aborted) {
    screen.draw(await render());
    await delay(periodMs, undefined, { signal }).catch(() => {});
  }
}
