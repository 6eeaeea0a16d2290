/** The terminal and its WebSocket. It is attached to one session at a time, and again if the connection was lost. */
import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';
import { secret } from './secret.js';
import { limitCombining, type Limited, limitWork, type Widths } from '../../screen/limits.js';
import { type Linked, replaceLinks } from '../../screen/links.js';
import { nameOf, type Session } from './sessions.js';

export interface TerminalView {
  /** Does nothing if the terminal is attached to this session, or was when the session ended. */
  attach(session: Session): void;
  focus(): void;
}

const themes: Readonly<Record<'light' | 'dark', ITheme>> = {
  light: {
    background: '#ffffff',
    foreground: '#1c1f24',
    cursor: '#1c1f24',
    selectionBackground: '#b9d3fb',
    yellow: '#8a6100',
    brightYellow: '#a57400',
    white: '#5b6470',
    brightWhite: '#1c1f24',
  },
  dark: { background: '#14171c', foreground: '#e4e8ee', cursor: '#e4e8ee', selectionBackground: '#33507a' },
};

const againAfterMs = 1000;

/** The messages of the server besides the output. */
type Told = { kind: 'attached' } | { kind: 'exit'; status: number };

/** A message may have 256 KiB of JSON, in which a character takes six bytes at most. */
const longestPiece = 16 * 1024;

export function openTerminal(parent: HTMLElement, onStatus: (text: string) => void): TerminalView {
  const terminal = new Terminal({
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace',
    fontSize: 14,
    scrollback: 5000,
    allowProposedApi: true,
  });
  limit(terminal);
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(parent);
  followTheme(terminal);
  let socket: WebSocket | undefined;
  let attached = '';

  let isListenedTo = false;

  const say = (message: object): void => {
    if (isListenedTo && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const saySize = (): void => say({ kind: 'size', columns: terminal.cols, rows: terminal.rows });
  terminal.onData((text) => {
    for (const piece of pieces(text)) say({ kind: 'typed', text: piece });
  });
  terminal.onBinary((text) => {
    for (const piece of pieces(text)) say({ kind: 'bytes', text: piece });
  });
  terminal.onResize(saySize);
  terminal.attachCustomKeyEventHandler((event) => !isClipboardKey(terminal, event));
  new ResizeObserver(() => fit.fit()).observe(parent);

  const connect = (session: Session): void => {
    const name = nameOf(session);
    const query = new URLSearchParams({
      id: session.id,
      exec: session.execId,
      columns: String(terminal.cols),
      rows: String(terminal.rows),
    });
    const opened = new WebSocket(`ws://${location.host}/attach?${query}`);
    opened.binaryType = 'arraybuffer';
    socket = opened;
    isListenedTo = false;
    terminal.reset();
    onStatus(`Attaching to ${name} ...`);
    opened.addEventListener('open', () => opened.send(secret()));
    opened.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (socket !== opened) return;
      if (typeof data === 'string') {
        const told = JSON.parse(data) as Told;
        if (told.kind === 'exit') return onStatus(`${name} has ended, status ${told.status}.`);
        isListenedTo = true;
        saySize();
        return onStatus(`Attached to ${name}.`);
      }
      terminal.write(new Uint8Array(data), () => say({ kind: 'shown', bytes: data.byteLength }));
    });
    opened.addEventListener('close', ({ code, reason }) => {
      if (socket !== opened) return;
      socket = undefined;
      if (code === 1000) return;
      onStatus(`The connection to ${name} was lost${reason === '' ? '' : `: ${reason}`}.`);
      // The next refresh of the list attaches again if the session still exists.
      setTimeout(() => {
        if (attached === name && socket === undefined) attached = '';
      }, againAfterMs);
    });
  };
  return {
    attach(session) {
      if (attached === nameOf(session)) return;
      attached = nameOf(session);
      socket?.close(1000);
      fit.fit();
      connect(session);
      terminal.focus();
    },
    focus: () => terminal.focus(),
  };
}

/** Splits a text, but not between the two UTF-16 units of a character. */
function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = at + longestPiece;
    const isInPair = /^[\uD800-\uDBFF]$/.test(text[end - 1] ?? '');
    const piece = text.slice(at, isInPair ? end - 1 : end);
    yield piece;
    at += piece.length;
  }
}

/** Limits the output of a program: it must not keep the page busy for hours, or take all of its memory. */
function limit(terminal: Terminal): void {
  const { _core: inside } = terminal as unknown as {
    _core: Limited & Linked & { readonly unicodeService: { readonly _activeProvider: Widths } };
  };
  const widths = limitCombining(inside.unicodeService._activeProvider);
  terminal.unicode.register(widths);
  terminal.unicode.activeVersion = widths.version;
  replaceLinks(inside);
  limitWork(inside);
}

function followTheme(terminal: Terminal): void {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    terminal.options.theme = themes[query.matches ? 'dark' : 'light'];
  };
  query.addEventListener('change', apply);
  apply();
}

/** Ctrl+C goes to the program, so copying needs Shift too. The browser itself pastes at Ctrl+Shift+V. */
function isClipboardKey(terminal: Terminal, event: KeyboardEvent): boolean {
  if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey) return false;
  if (event.code === 'KeyV') return true;
  if (event.code !== 'KeyC' || !terminal.hasSelection()) return false;
  event.preventDefault();
  void navigator.clipboard.writeText(terminal.getSelection());
  return true;
}
