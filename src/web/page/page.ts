/** The page: a list of sessions, and the terminal of the chosen one, whose name is in the URL's hash. */
import { takeToken } from './secret.js';
import { fetchSessions, nameOf, type Session, showSessions } from './sessions.js';
import { openTerminal } from './terminal.js';

const listEvery = 2000;

const find = (id: string): HTMLElement => document.querySelector<HTMLElement>(`#${id}`) as HTMLElement;
const [list, status] = [find('sessions'), find('status')];
const terminal = openTerminal(find('terminal'), (text) => {
  status.textContent = text;
});

let sessions: Session[] = [];

function chosen(): string {
  return decodeURIComponent(location.hash.slice(1));
}

function show(): void {
  showSessions(list, sessions, chosen(), (name) => {
    location.hash = encodeURIComponent(name);
  });
}

async function refresh(): Promise<void> {
  try {
    sessions = await fetchSessions();
    show();
    const session = sessions.find((it) => nameOf(it) === chosen());
    if (session !== undefined) terminal.attach(session);
    else if (sessions.length === 0) status.textContent = 'There are no sessions. `termshim run -it` starts one.';
  } catch (error) {
    status.textContent = `The list of sessions cannot be loaded: ${(error as Error).message}`;
  }
}

window.addEventListener('hashchange', () => void refresh());

// Tab goes to the program in the terminal, so F6 moves the focus out of the terminal.
window.addEventListener(
  'keydown',
  (event) => {
    if (event.key !== 'F6') return;
    event.preventDefault();
    event.stopPropagation();
    const isInList = list.contains(document.activeElement);
    if (isInList) terminal.focus();
    else (list.querySelector<HTMLElement>('[aria-current="true"]') ?? list.querySelector('button'))?.focus();
  },
  { capture: true },
);

async function start(): Promise<void> {
  await takeToken().catch(() => {});
  await refresh();
  setInterval(() => void refresh(), listEvery);
}

void start();
