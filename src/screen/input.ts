/** Passes bytes to the emulator, and remembers a sequence or a character that is unfinished. */
import type { Inside } from './emulator.js';
import { maxStringLength } from './limits.js';

export interface Input {
  parse(bytes: Uint8Array): void;
  /** Call it when output was missed: an unfinished sequence or character is dropped. */
  interrupt(): void;
  /** The sequence or character that has begun: the next bytes continue it. */
  readonly unfinished: Uint8Array;
}

/** No sequence that the emulator acts on is longer. The rest of a longer one is ignored either way. */
const maxUnfinishedBytes = 4 * maxStringLength + 64;

export function createInput({ _inputHandler: handler }: Inside): Input {
  /**
   * The first bytes of a character. The emulator never gets them without the rest: its decoder keeps only the low bits
   * of a byte, and so loses a byte 0x80.
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
      // The emulator has executed control characters inside a sequence already, but not those in a string.
      const kept = isString(handler) ? sequence : sequence.filter((byte) => byte >= 0x20 || byte === ESC);
      return Buffer.concat([kept, character]);
    },
  };
}

/** How many bytes at the end are the beginning of a character that is unfinished. */
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

/** The bytes from the start of the last sequence on. An ESC begins one anywhere, and so does a C1 character. */
function lastSequence(bytes: Buffer): Uint8Array {
  let start = bytes.lastIndexOf(ESC);
  for (const introducer of introducers) start = Math.max(start, bytes.lastIndexOf(introducer));
  return bytes.subarray(Math.max(start, 0));
}

/** DCS, SOS, CSI, OSC, PM and APC as characters of their own, U+0090 and so on. */
const introducers = [0x90, 0x98, 0x9b, 0x9d, 0x9e, 0x9f].map((byte) => Buffer.from([0xc2, byte]));

/** Replaces a sequence that is too long by a short one that ends at the same byte and has no effect. */
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

// States of the parser. The states from `firstString` on are SOS, PM and APC; OSC; and DCS.
const ground = 0;
const firstString = 7;
const oscString = 8;

const CAN = 0x18;
const ESC = 0x1b;
