/** The way of bytes into the emulator, and what of them it has not understood yet. */
import type { Inside } from './emulator.js';
import { maxStringLength } from './limits.js';

export interface Input {
  parse(bytes: Uint8Array): void;
  /** Something was missed. What was half read is forgotten. */
  interrupt(): void;
  /** A sequence or a character that has begun: what comes next goes on with it. */
  readonly unfinished: Uint8Array;
}

/** Longer than any that means something to the emulator. Its rest is swallowed as it would have been. */
const maxUnfinishedBytes = 4 * maxStringLength + 64;

export function createInput({ _inputHandler: handler }: Inside): Input {
  /**
   * The first bytes of a character. The emulator never gets them without the rest: its decoder forgets that a byte 0x80,
   * of which only the low bits count, has been there.
   */
  let character: Uint8Array = new Uint8Array();
  let sequence: Uint8Array = new Uint8Array();

  return {
    parse(bytes) {
      const all = character.length === 0 ? bytes : Buffer.concat([character, bytes]);
      const end = all.length - unfinishedCharacter(all);
      character = all.slice(end);
      const whole = all.subarray(0, end);
      handler.parse(whole);
      sequence = isGround(handler)
        ? new Uint8Array()
        : settleWithin(handler, lastSequence(Buffer.concat([sequence, whole])));
    },
    interrupt() {
      character = new Uint8Array();
      sequence = new Uint8Array();
      handler.parse(new Uint8Array([CAN]));
    },
    get unfinished() {
      // Control characters inside a sequence have been obeyed already, unlike those in a string.
      const kept = isString(handler) ? sequence : sequence.filter((byte) => byte >= 0x20 || byte === ESC);
      return Buffer.concat([kept, character]);
    },
  };
}

/** How many bytes at the end are the beginning of a character. */
function unfinishedCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** From where the last sequence begins: an ESC, or the one character that stands for two (C1), begins one anywhere. */
function lastSequence(bytes: Buffer): Uint8Array {
  let start = bytes.lastIndexOf(ESC);
  for (const introducer of introducers) start = Math.max(start, bytes.lastIndexOf(introducer));
  return bytes.subarray(Math.max(start, 0));
}

/** DCS, SOS, CSI, OSC, PM and APC as characters of their own, U+0090 and so on. */
const introducers = [0x90, 0x98, 0x9b, 0x9d, 0x9e, 0x9f].map((byte) => Buffer.from([0xc2, byte]));

/** In place of one too long: one that ends where it would have ended, and means nothing. */
function settleWithin(handler: Inside['_inputHandler'], sequence: Uint8Array): Uint8Array {
  if (sequence.length <= maxUnfinishedBytes) return sequence;
  if (!isString(handler)) return Buffer.from('\x1b[?<');
  return Buffer.from(handler._parser.currentState === oscString ? '\x1b]9999;' : '\x1b_');
}

function isGround({ _parser }: Inside['_inputHandler']): boolean {
  return _parser.currentState === ground;
}

function isString({ _parser }: Inside['_inputHandler']): boolean {
  return _parser.currentState >= firstString;
}

// Of the parser's states. Those from `firstString` on are SOS, PM and APC; OSC; and DCS.
const ground = 0;
const firstString = 7;
const oscString = 8;

const CAN = 0x18;
const ESC = 0x1b;
