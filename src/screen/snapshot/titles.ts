/** The titles of the window and its icon, with the stacks of saved titles (XTWINOPS 22). */
import type { Inside } from '../emulator.js';

/** Longer titles are of no use, and are left out. */
const maxLength = 1024;

export function setTitles({ _inputHandler: handler }: Inside): string {
  return (
    setTitle({ osc: 2, now: handler._windowTitle, stack: handler._windowTitleStack }) +
    setTitle({ osc: 1, now: handler._iconName, stack: handler._iconNameStack })
  );
}

interface Title {
  /** The number in OSC and in XTWINOPS. */
  osc: 1 | 2;
  now: string;
  stack: readonly string[];
}

/** Until the program sets a title, the terminal has a title of its own, and saves that. */
function setTitle({ osc, now, stack }: Title): string {
  let isOwn = true;
  const set = (title: string): string => {
    isOwn &&= title === '';
    return isOwn || title.length > maxLength ? '' : `\x1b]${osc};${title}\x1b\\`;
  };
  return stack.map((title) => `${set(title)}\x1b[22;${osc}t`).join('') + set(now);
}
