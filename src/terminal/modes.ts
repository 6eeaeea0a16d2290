/**
 * The modes that a program has set in its terminal, read from its output. If the user detaches in the middle of vi, the
 * terminal shows the alternate screen and reports the mouse, and the shell that follows does not reset that. See
 * "Control Sequences" of xterm.
 */
export interface TerminalModes {
  /** Takes the next output. */
  see(bytes: Uint8Array): void;
  /** The bytes that restore the terminal; empty if no mode is set. */
  readonly undo: string;
}

const ESC = '\x1b';

/**
 * The modes that are restored: in a terminal at rest, `l` is off and `h` is on. Modes that only trigger an action are
 * left out.
 */
const modesAtRest: ReadonlyMap<number, 'l' | 'h'> = new Map([
  ...[1, 5, 6, 9, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2031].map((it) => [it, 'l'] as const),
  ...[7, 25].map((it) => [it, 'h'] as const),
]);
const alternateScreens: ReadonlySet<number> = new Set([47, 1047, 1049]);

/** A control sequence, without its ESC. */
const csi = /^\[([<=>?!]?)([\d;:]*)( ?[@-~])/;
/** A longer sequence sets none of these modes. */
const longestSequence = 64;

export function watchModes(): TerminalModes {
  /** The beginning of an incomplete sequence, with its ESC. */
  let begun = '';
  const changed = new Set<number>();
  let screen = 0;
  let keyboardDepth = 0;
  /** Other settings, each as the sequence that undoes it. */
  const others = new Set<string>();

  const set = (undo: string, isSet: boolean): void => void (isSet ? others.add(undo) : others.delete(undo));
  const setMode = (mode: number, how: string): void => {
    if (alternateScreens.has(mode)) screen = how === 'h' ? mode : 0;
    else if (modesAtRest.get(mode) === how) changed.delete(mode);
    else if (modesAtRest.has(mode)) changed.add(mode);
  };
  const reset = (): void => {
    changed.clear();
    others.clear();
    screen = 0;
    keyboardDepth = 0;
  };
  const obey = (prefix: string, parameters: string, final: string): void => {
    const [first = 0] = parameters.split(';').map(Number);
    switch (prefix + final) {
      case '?h':
      case '?l':
        for (const mode of parameters.split(';')) setMode(Number(mode), final);
        break;
      case 'm':
        set(plain, first !== 0 || parameters.includes(';'));
        break;
      case 'r':
        set(wholeScreen, parameters !== '');
        break;
      case 'h':
      case 'l':
        if (first === 4) set(`${ESC}[4l`, final === 'h');
        break;
      case ' q':
        set(`${ESC}[0 q`, first !== 0);
        break;
      case '>m':
        if (first === 4) set(`${ESC}[>4m`, parameters.includes(';'));
        break;
      case '>u':
        keyboardDepth++;
        break;
      case '<u':
        keyboardDepth = Math.max(0, keyboardDepth - Math.max(1, first));
        break;
    }
  };
  /** Reads the text after an ESC. Returns whether the sequence is complete. */
  const read = (text: string): boolean => {
    const [, prefix = '', parameters = '', final] = csi.exec(text) ?? [];
    if (final !== undefined) obey(prefix, parameters, final);
    else if (text.startsWith('=')) set(numericKeypad, true);
    else if (text.startsWith('>')) set(numericKeypad, false);
    else if (text.startsWith('(') && text.length > 1) set(`${ESC}(B`, text[1] !== 'B');
    else if (text.startsWith('c')) reset();
    else return text !== '' && text !== '(' && !text.startsWith('[');
    return true;
  };
  return {
    see(bytes) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
      const [, ...sequences] = (begun + text).split(ESC);
      begun = '';
      for (const [index, sequence] of sequences.entries()) {
        const isLast = index === sequences.length - 1;
        if (!read(sequence) && isLast && sequence.length < longestSequence) begun = ESC + sequence;
      }
    },
    get undo() {
      const all = [
        ...[...changed].map((mode) => `${ESC}[?${mode}${modesAtRest.get(mode)}`),
        keyboardDepth > 0 ? `${ESC}[<${keyboardDepth}u` : '',
        ...others,
        screen === 0 ? '' : `${ESC}[?${screen}l`,
      ].join('');
      // The output may end in the middle of a sequence. CAN (0x18) cancels it.
      return all === '' ? '' : `\x18${all}`;
    },
  };
}

const plain = `${ESC}[m`;
const numericKeypad = `${ESC}>`;
/** Resetting the margins moves the cursor home, so the position is saved and restored. */
const wholeScreen = `${ESC}7${ESC}[r${ESC}8`;
