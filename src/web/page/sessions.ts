/** The list of sessions. */
import { authorization, secret } from './secret.js';

/** As the server sends it: Session of proto/termshim/sessions.proto. */
export interface Session {
  id: string;
  execId: string;
  state: string;
  terminal: boolean;
  clients: number;
  command: string[];
}

export async function fetchSessions(): Promise<Session[]> {
  const response = await fetch('sessions', { headers: authorization(secret()) });
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as Session[];
}

export function nameOf({ id, execId }: Pick<Session, 'id' | 'execId'>): string {
  return execId === '' ? id : `${id}/${execId}`;
}

/** Updates the list. The buttons of sessions that remain are kept, and so is the focus. */
export function showSessions(
  list: HTMLElement,
  sessions: readonly Session[],
  chosen: string,
  onChosen: (name: string) => void,
): void {
  const names = new Set(sessions.map(nameOf));
  for (const item of Array.from(list.children)) if (!names.has(nameIn(item))) item.remove();
  for (const session of sessions) {
    const name = nameOf(session);
    const known = Array.from(list.children).find((item) => nameIn(item) === name);
    const button = (known ?? list.appendChild(newItem(name, onChosen))).querySelector('button') as HTMLButtonElement;
    button.disabled = !session.terminal || session.state === 'stopped';
    button.setAttribute('aria-current', String(name === chosen));
    (button.querySelector('small') as HTMLElement).textContent = describe(session);
  }
}

function nameIn(item: Element): string {
  return (item as HTMLElement).dataset['name'] ?? '';
}

function newItem(name: string, onChosen: (name: string) => void): HTMLElement {
  const item = document.createElement('li');
  item.dataset['name'] = name;
  const button = item.appendChild(document.createElement('button'));
  button.append(name, document.createElement('small'));
  button.addEventListener('click', () => onChosen(name));
  return item;
}

function describe({ state, terminal, clients, command }: Session): string {
  const attached = clients === 1 ? '1 client' : `${clients} clients`;
  return [state, terminal ? attached : 'no terminal', command.join(' ')].filter((part) => part !== '').join(' · ');
}
