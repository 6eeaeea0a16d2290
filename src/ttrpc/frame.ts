/**
 * The frames of ttrpc: a header of 10 bytes, then the payload. See PROTOCOL.md of ttrpc.
 *
 * length (32 bits, of the payload alone), stream id (32 bits), type and flags (8 bits each); big-endian.
 */
export const headerBytes = 10;

/** The longest payload there may be. */
export const maxPayloadBytes = 4 * 1024 * 1024;

export const FrameType = { request: 1, response: 2, data: 3 } as const;

export interface Frame {
  readonly streamId: number;
  /** One of {@link FrameType}, or of a protocol to come. Data has no place in a unary call. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A frame as it arrives. */
export interface ReceivedFrame extends Omit<Frame, 'payload'> {
  /** Undefined if it was longer than `maxPayloadBytes`: it was skipped, and the stream of frames goes on behind it. */
  readonly payload: Uint8Array | undefined;
}

/** A unary call has no flags. */
export function encodeFrame({ streamId, type, payload }: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  bytes.writeUInt32BE(payload.length, 0);
  bytes.writeUInt32BE(streamId, 4);
  bytes.writeUInt8(type, 8);
  bytes.writeUInt8(0, 9);
  bytes.set(payload, headerBytes);
  return bytes;
}

/**
 * Returns what takes the bytes as they come, cut anywhere, and calls `onFrame` for each frame that they complete. A
 * payload may share the memory of its chunk.
 *
 * It throws at a length whose first byte is not zero, which the protocol reserves: whoever sent it does not speak ttrpc,
 * and nobody knows where the next frame begins.
 */
export function frameDecoder(onFrame: (frame: ReceivedFrame) => void): (chunk: Uint8Array) => void {
  let header: Header | undefined;
  let part = new Part(headerBytes);
  return (chunk) => {
    for (let rest = chunk; ; ) {
      rest = part.take(rest);
      if (part.missing > 0) return;
      if (header === undefined) {
        header = readHeader(part.bytes as Uint8Array);
        part = new Part(header.length, header.length > maxPayloadBytes);
      } else {
        const frame = { streamId: header.streamId, type: header.type, payload: part.bytes };
        header = undefined;
        part = new Part(headerBytes);
        onFrame(frame);
      }
    }
  };
}

interface Header {
  readonly length: number;
  readonly streamId: number;
  readonly type: number;
}

function readHeader(bytes: Uint8Array): Header {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, headerBytes);
  if (header[0] !== 0) throw new Error(`this is no ttrpc: a frame begins with ${header.toString('hex')}`);
  return { length: header.readUInt32BE(0), streamId: header.readUInt32BE(4), type: header.readUInt8(8) };
}

/** A header or a payload that has arrived in part. */
class Part {
  missing: number;
  /** What came of it, in a buffer of its whole length; undefined if it is to be skipped. */
  bytes: Uint8Array | undefined;
  readonly #length: number;

  constructor(length: number, isSkipped = false) {
    this.#length = length;
    this.missing = length;
    this.bytes = isSkipped ? undefined : new Uint8Array(0);
  }

  /** Takes what it needs, and returns the rest. */
  take(from: Uint8Array): Uint8Array {
    const piece = from.subarray(0, this.missing);
    if (this.bytes !== undefined && piece.length > 0) this.#keep(this.bytes, piece);
    this.missing -= piece.length;
    return from.subarray(piece.length);
  }

  /** Copies only if it comes in pieces. The buffer holds its whole length from the first piece on, however many come. */
  #keep(bytes: Uint8Array, piece: Uint8Array): void {
    if (piece.length === this.#length) {
      this.bytes = piece;
      return;
    }
    const whole = bytes.length === 0 ? new Uint8Array(this.#length) : bytes;
    whole.set(piece, this.#length - this.missing);
    this.bytes = whole;
  }
}
