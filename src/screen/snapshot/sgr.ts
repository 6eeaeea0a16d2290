/** The attributes of characters, and the sequences that set them. */
import type { Attributes, Inside } from '../emulator.js';

/** Two styles with equal fields look the same. */
export interface Style {
  /** The parameters of SGR after a 0. */
  readonly codes: string;
  /** DECSCA: a selective erase does not erase the character. */
  readonly isProtected: boolean;
  /** The parameters and the address of a hyperlink (OSC 8); empty for none. */
  readonly link: string;
}

export const plain: Style = { codes: '', isProtected: false, link: '' };

/** The style of a cell, or the style that was saved with a cursor. */
export function styleOf(inside: Inside, attributes: Attributes): Style {
  const { fg, bg, extended } = attributes;
  return makeStyle(inside, fg, bg, bg & hasExtended ? extended : undefined);
}

/** The style of the next character. It may have a colour for underlines while it has no underline. */
export function penStyle(inside: Inside): Style {
  const { fg, bg, extended } = inside._inputHandler._curAttrData;
  return makeStyle(inside, fg, bg, extended);
}

/** The style of an erased cell: the colour of the background alone. */
export function erasedStyle({ bg }: Attributes): Style {
  return { ...plain, codes: colour(bg, 40) };
}

/** Whether a cell's style is that of an erased one. */
export function isErased({ fg, bg }: Attributes): boolean {
  return fg === 0 && (bg & ~(colourMode | rgb)) === 0;
}

/** Writes to a terminal whose style it knows. */
export interface Brush {
  write(text: string): void;
  /** @param anew whether to set the style even if it is in use */
  use(style: Style, anew?: boolean): void;
  readonly text: string;
}

/** For a terminal whose style is plain. */
export function createBrush(): Brush {
  let text = '';
  let now = plain;
  return {
    write(more) {
      text += more;
    },
    use(style, anew = false) {
      // SGR 0 ends the protection in some terminals.
      const isAnew = anew || style.codes !== now.codes || style.isProtected !== now.isProtected;
      if (isAnew) text += style.codes === '' ? '\x1b[m' : `\x1b[0;${style.codes}m`;
      if (isAnew && (style.isProtected || now.isProtected)) text += `\x1b[${style.isProtected ? 1 : 0}"q`;
      if (style.link !== now.link) text += `\x1b]8;${style.link === '' ? ';' : style.link}\x1b\\`;
      now = style;
    },
    get text() {
      return text;
    },
  };
}

function makeStyle(inside: Inside, fg: number, bg: number, extended: Attributes['extended'] | undefined): Style {
  const codes: string[] = flags.filter(({ of, bit }) => (of === 'fg' ? fg : bg) & bit).map(({ code }) => code);
  if (fg & underlined) codes.push(underline(extended));
  codes.push(colour(fg, 30), colour(bg, 40), underlineColour(extended));
  return {
    codes: codes.filter((code) => code !== '').join(';'),
    isProtected: (bg & protectedFlag) !== 0,
    link: linkOf(inside, extended?.urlId ?? 0),
  };
}

/** All terminals understand 4 alone; the other kinds are sub-parameters of it. */
function underline(extended: Attributes['extended'] | undefined): string {
  const kind = ((extended?._ext ?? 0) >> 26) & 7;
  return kind > 1 ? `4:${kind}` : '4';
}

/** @param base 30 or 40 */
function colour(value: number, base: number): string {
  const index = value & 0xff;
  switch (value & colourMode) {
    case palette16:
      return String(index < 8 ? base + index : base + 60 + index - 8);
    case palette256:
      return `${base + 8};5;${index}`;
    case colourMode:
      return `${base + 8};2;${(value >> 16) & 0xff};${(value >> 8) & 0xff};${index}`;
    default:
      return '';
  }
}

/** With colons: a terminal that does not know 58 would take the numbers after semicolons for other codes. */
function underlineColour(extended: Attributes['extended'] | undefined): string {
  const value = (extended?._ext ?? 0) & (colourMode | rgb);
  // The value after SGR 59.
  if (value === (colourMode | rgb)) return '59';
  const index = value & 0xff;
  switch (value & colourMode) {
    case palette16:
    case palette256:
      return `58:5:${index}`;
    case colourMode:
      return `58:2::${(value >> 16) & 0xff}:${(value >> 8) & 0xff}:${index}`;
    default:
      return '';
  }
}

function linkOf(inside: Inside, id: number): string {
  const data = id === 0 ? undefined : inside._oscLinkService.getLinkData(id);
  if (data === undefined) return '';
  return `${data.id === undefined ? '' : `id=${data.id}`};${data.uri}`;
}

// The layout of `fg` and `bg`, from the lowest bit: the colour, the mode of the colour, flags.
const rgb = 0xff_ff_ff;
const colourMode = 0x3_00_00_00;
const palette16 = 0x1_00_00_00;
const palette256 = 0x2_00_00_00;
const underlined = 0x10_00_00_00;
const hasExtended = 0x10_00_00_00;
const protectedFlag = 0x20_00_00_00;

const flags = [
  { of: 'fg', bit: 0x8_00_00_00, code: '1' },
  { of: 'bg', bit: 0x8_00_00_00, code: '2' },
  { of: 'bg', bit: 0x4_00_00_00, code: '3' },
  { of: 'fg', bit: 0x20_00_00_00, code: '5' },
  { of: 'fg', bit: 0x4_00_00_00, code: '7' },
  { of: 'fg', bit: 0x40_00_00_00, code: '8' },
  { of: 'fg', bit: 0x80_00_00_00, code: '9' },
  { of: 'bg', bit: 0x40_00_00_00, code: '53' },
] as const;
