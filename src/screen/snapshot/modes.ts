/** The modes that the emulator keeps, as the sequences that set them. */
import type { Inside } from '../emulator.js';

interface Mode {
  /** As in `CSI ? 25 h`. */
  readonly number: number;
  readonly isOnAtFirst?: true;
  readonly isOn: (inside: Inside) => boolean;
}

const modes: readonly Mode[] = [
  { number: 1, isOn: ({ coreService }) => coreService.decPrivateModes.applicationCursorKeys },
  { number: 7, isOnAtFirst: true, isOn: ({ coreService }) => coreService.decPrivateModes.wraparound },
  { number: 9, isOn: ({ coreMouseService }) => coreMouseService.activeProtocol === 'X10' },
  { number: 25, isOnAtFirst: true, isOn: ({ coreService }) => !coreService.isCursorHidden },
  { number: 45, isOn: ({ coreService }) => coreService.decPrivateModes.reverseWraparound },
  { number: 1000, isOn: ({ coreMouseService }) => coreMouseService.activeProtocol === 'VT200' },
  { number: 1002, isOn: ({ coreMouseService }) => coreMouseService.activeProtocol === 'DRAG' },
  { number: 1003, isOn: ({ coreMouseService }) => coreMouseService.activeProtocol === 'ANY' },
  { number: 1004, isOn: ({ coreService }) => coreService.decPrivateModes.sendFocus },
  { number: 1006, isOn: ({ coreMouseService }) => coreMouseService.activeEncoding === 'SGR' },
  { number: 1016, isOn: ({ coreMouseService }) => coreMouseService.activeEncoding === 'SGR_PIXELS' },
  { number: 2004, isOn: ({ coreService }) => coreService.decPrivateModes.bracketedPasteMode },
  { number: 2026, isOn: ({ coreService }) => coreService.decPrivateModes.synchronizedOutput },
];

/**
 * Resets a terminal that was in use: the normal screen, no scroll region, all modes as at first, a tab stop every eight
 * columns, and a blank screen. It does not change a terminal that is new.
 */
export const beginning = [
  '\x18\x1b[?1049l\x1b[!p',
  ...modes.filter(({ isOnAtFirst }) => !isOnAtFirst).map(({ number }) => `\x1b[?${number}l`),
  // Reverse video and two encodings of the mouse, which the emulator does not keep.
  '\x1b[?5l\x1b[?1005l\x1b[?1015l',
  '\x1b>\x1b[?7h\x1b[?25h\x1b[4l\x1b[20l\x1b[0 q\x1b[?5W',
  '\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b]8;;\x1b\\\x1b[m\x1b[r\x1b[H\x1b[2J',
].join('');

/** Sets the emulator's modes after `beginning`, except DECOM, which moves the cursor. */
export function setModes(inside: Inside, isNewlineOn: boolean, isBlinkOn: boolean): string {
  const { modes: ansi, decPrivateModes } = inside.coreService;
  return [
    ...modes
      .filter(({ isOn, isOnAtFirst }) => isOn(inside) !== (isOnAtFirst ?? false))
      .map(({ number, isOnAtFirst }) => `\x1b[?${number}${isOnAtFirst ? 'l' : 'h'}`),
    // DECNKM, mode 66, does the same, but fewer terminals know it.
    decPrivateModes.applicationKeypad ? '\x1b=' : '',
    isBlinkOn ? '\x1b[?12h' : '',
    ansi.insertMode ? '\x1b[4h' : '',
    isNewlineOn ? '\x1b[20h' : '',
    cursorStyle(decPrivateModes),
  ].join('');
}

/** DECSCUSR: odd numbers blink. */
function cursorStyle({ cursorStyle: style, cursorBlink }: Inside['coreService']['decPrivateModes']): string {
  if (style === undefined) return '';
  const steady = { block: 2, underline: 4, bar: 6 }[style];
  return `\x1b[${cursorBlink ? steady - 1 : steady} q`;
}
