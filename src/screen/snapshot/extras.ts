/**
 * Remembers settings of the terminal that the emulator does not keep, as the sequences that set them again: colours,
 * ways to report keys and the mouse, reverse video.
 */
import type { Terminal } from '@xterm/headless';

export interface Extras {
  /** The sequences that make the settings current in a terminal that got none of them, or all but the latest. */
  readonly text: string;
}

/** Modes that may be set again. Modes with an effect at once, such as DECCOLM, are not included. */
const rememberedModes: ReadonlySet<number> = new Set([
  5, // DECSCNM, reverse video
  8, // DECARM, keys repeat
  67, // DECBKM, what the backarrow key sends
  1005, // mouse, UTF-8
  1007, // the wheel as cursor keys on the alternate screen
  1015, // mouse, urxvt
  1034, // meta sets the eighth bit
  1036, // meta sends ESC
  1039, // alt sends ESC
  2027, // grapheme clusters
  2031, // reports of the colour scheme
]);

/** Named colours: OSC 10 to 19 set them, OSC 110 to 119 reset them. */
const firstNamedColour = 10;
const lastNamedColour = 19;

const maxColourLength = 64;
const maxKeyboardDepth = 16;

export function rememberExtras(terminal: Terminal): Extras {
  /** The last sequence for each setting, in the order in which they were written. */
  const said = new Map<string, string>();
  const say = (about: string, sequence: string): void => {
    said.delete(about);
    said.set(about, sequence);
  };
  /** Flags of the kitty keyboard protocol: the normal and the alternate screen have a stack each. */
  const keyboards = { normal: [] as number[], alternate: [] as number[] };
  let isKeyboardKnown = false;
  const keyboard = (): number[] => {
    isKeyboardKnown = true;
    return keyboards[terminal.buffer.active.type];
  };

  const onMode = (final: 'h' | 'l'): void => {
    terminal.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
      for (const mode of params) {
        if (typeof mode === 'number' && rememberedModes.has(mode)) say(`mode ${mode}`, `\x1b[?${mode}${final}`);
      }
      return false;
    });
  };
  onMode('h');
  onMode('l');

  terminal.parser.registerOscHandler(4, (data) => {
    const parts = data.split(';');
    for (let at = 0; at + 1 < parts.length; at += 2) setIndexed(parts[at] as string, parts[at + 1] as string);
    return false;
  });
  const setIndexed = (index: string, value: string): void => {
    if (isIndex(index) && isColour(value)) say(`colour 4;${Number(index)}`, `\x1b]4;${Number(index)};${value}\x1b\\`);
  };
  terminal.parser.registerOscHandler(104, (data) => {
    if (data === '') resetIndexed();
    for (const index of data.split(';').filter(isIndex)) say(`colour 4;${Number(index)}`, `\x1b]104;${index}\x1b\\`);
    return false;
  });
  const resetIndexed = (): void => {
    for (const about of said.keys()) if (about.startsWith('colour 4')) said.delete(about);
    say('colour 4', '\x1b]104\x1b\\');
  };
  for (let number = firstNamedColour; number <= lastNamedColour; number++) {
    terminal.parser.registerOscHandler(number, (data) => {
      for (const [more, value] of data.split(';').entries()) setNamed(number + more, value);
      return false;
    });
    terminal.parser.registerOscHandler(number + 100, () => {
      say(`colour ${number}`, `\x1b]${number + 100}\x1b\\`);
      return false;
    });
  }
  const setNamed = (number: number, value: string): void => {
    if (number <= lastNamedColour && isColour(value)) say(`colour ${number}`, `\x1b]${number};${value}\x1b\\`);
  };

  // XTMODKEYS: how xterm reports keys with modifiers.
  terminal.parser.registerCsiHandler({ prefix: '>', final: 'm' }, ([resource, value]) => {
    if (typeof resource === 'number' && resource <= 7) {
      say(`keys ${resource}`, `\x1b[>${resource}${typeof value === 'number' ? `;${value}` : ''}m`);
    }
    return false;
  });
  terminal.parser.registerCsiHandler({ prefix: '>', final: 'u' }, ([flags]) => {
    const stack = keyboard();
    stack.push(flagsOf(flags));
    if (stack.length > maxKeyboardDepth) stack.shift();
    return false;
  });
  terminal.parser.registerCsiHandler({ prefix: '<', final: 'u' }, ([count]) => {
    const stack = keyboard();
    stack.splice(Math.max(0, stack.length - Math.max(1, flagsOf(count))));
    return false;
  });
  terminal.parser.registerCsiHandler({ prefix: '=', final: 'u' }, ([given, how]) => {
    const stack = keyboard();
    const before = stack.pop() ?? 0;
    const flags = flagsOf(given);
    stack.push(how === 2 ? before | flags : how === 3 ? before & ~flags : flags);
    return false;
  });

  terminal.parser.registerEscHandler({ final: 'c' }, () => {
    const hadColours = [...said.keys()].some((about) => about.startsWith('colour'));
    said.clear();
    if (hadColours) resetColours();
    keyboards.normal = [];
    keyboards.alternate = [];
    return false;
  });
  const resetColours = (): void => {
    resetIndexed();
    for (let number = firstNamedColour; number <= lastNamedColour; number++) {
      say(`colour ${number}`, `\x1b]${number + 100}\x1b\\`);
    }
  };

  return {
    get text() {
      const stack = keyboards[terminal.buffer.active.type];
      const keys = isKeyboardKnown ? `\x1b[=0u${stack.map((flags) => `\x1b[>${flags}u`).join('')}` : '';
      return [...said.values()].join('') + keys;
    },
  };
}

function isIndex(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) < 256;
}

/** Not `?`, which queries the colour. */
function isColour(text: string): boolean {
  return text !== '' && text !== '?' && text.length <= maxColourLength;
}

function flagsOf(parameter: number | number[] | undefined): number {
  return typeof parameter === 'number' ? parameter : 0;
}
