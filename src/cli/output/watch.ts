/** Shows something anew each second: on a screen of its own at a terminal, else one after the other. */
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { print } from './print.js';
import { openFullScreen } from './full-screen.js';

export interface RepeatOptions {
  /** Whether it is for eyes, and so for a screen if there is one. */
  onScreen: boolean;
}

const periodMs = 1000;

/** Resolves when a human at the screen has had enough. Elsewhere it goes on until a signal ends the process. */
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
