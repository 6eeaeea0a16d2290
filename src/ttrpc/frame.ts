/**
 * The frames of ttrpc: a header of 10 bytes, then the payload. See PROTOCOL.md of ttrpc.
 *
 * length (32 bits, of the payload alone), stream id (32 bits), type and flags (8 bits each); big-endian.
 */
export const headerBytes = 10;

/** The longest payload that is allowed. */
export const maxPayloadBytes = 4 * 1024 * 1024;

export const FrameType = { request: 1, response: 2, data: 3 } as const;

export interface Frame {
  readonly streamId: number;
  /** One of {@link FrameType}, or a type of a later protocol. A unary call has no data. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A frame as it arrives. */
export interface ReceivedFrame extends Omit<Frame, 'payload'> {
  /** Undefined if the payload was longer than `maxPayloadBytes`: then it was skipped, and the next frame follows. */
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
 * Returns a function that takes the bytes received, cut anywhere, and calls `onFrame` for each frame that they
 * complete. A payload may share the memory of its chunk.
 *
 * The function throws if the first byte of a length is not zero, which the protocol requires: then the sender does not
 * speak ttrpc, and the start of the next frame is unknown.
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
  if (header[0] !== 0) throw new Error(`this is not ttrpc: a frame begins with ${header.toString('hex')}`);
  return { length: header.readUInt32BE(0), streamId: header.readUInt32BE(4), type: header.readUInt8(8) };
}

/** A header or a payload that has arrived in part. */
class Part {
  missing: number;
  /** The bytes that have arrived, in a buffer of the whole length; undefined if the part is skipped. */
  bytes: Uint8Array | undefined;
  readonly #length: number;

  constructor(length: number, isSkipped = false) {
    this.#length = length;
    this.missing = length;
    this.bytes = isSkipped ? undefined : new Uint8Array(0);
  }

  /** Takes the bytes that are missing, and returns the rest. */
  take(from: Uint8Array): Uint8Array {
    const piece = from.subarray(0, this.missing);
    if (this.bytes !== undefined && piece.length > 0) this.#keep(this.bytes, piece);
    this.missing -= piece.length;
    return from.subarray(piece.length);
  }

  /** Copies only if the part comes in pieces. The buffer has the whole length from the first piece on. */
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
