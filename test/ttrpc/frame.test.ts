/*
 * A stream socket divides frames anywhere: in the header, between two frames, in a payload of 4 MiB. A decoder that is
 * off by one byte takes payload for a header, and every later frame is wrong. The tests divide known bytes at every
 * position, and made-up frames anywhere; a payload that is too long must leave the next frame intact, and bytes that
 * are not ttrpc must be refused at once.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  type Frame,
  FrameType,
  type ReceivedFrame,
  encodeFrame,
  frameDecoder,
  headerBytes,
  maxPayloadBytes,
} from '../../src/ttrpc/frame.js';
import { fromHex, toHex } from '../helpers/copy/hex.js';
import { pattern } from '../helpers/copy/pattern.js';

const fixtures: readonly { readonly what: string; readonly hex: string; readonly frames: readonly Frame[] }[] = [
  {
    what: 'a request',
    hex: '00000003 00000001 01 00 0a0161',
    frames: [{ streamId: 1, type: FrameType.request, payload: fromHex('0a0161') }],
  },
  {
    what: 'an empty response',
    hex: '00000000 00000003 02 00',
    frames: [{ streamId: 3, type: FrameType.response, payload: Buffer.alloc(0) }],
  },
  {
    what: 'data with flags, and the largest stream id',
    hex: '00000001 ffffffff 03 05 aa',
    frames: [{ streamId: 0xffffffff, type: 3, payload: fromHex('aa') }],
  },
  {
    what: 'three frames, the middle one empty',
    hex: '00000002 00000001 0100 beef 00000000 00000003 0100 00000001 00000005 0200ff',
    frames: [
      { streamId: 1, type: FrameType.request, payload: fromHex('beef') },
      { streamId: 3, type: FrameType.request, payload: Buffer.alloc(0) },
      { streamId: 5, type: FrameType.response, payload: fromHex('ff') },
    ],
  },
];

function decodeAll(chunks: readonly Uint8Array[]): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  const decode = frameDecoder((frame) => void frames.push(frame));
  for (const chunk of chunks) decode(chunk);
  return frames;
}

function assertFrames(got: readonly ReceivedFrame[], expected: readonly ReceivedFrame[]): void {
  const plain = ({ streamId, type, payload }: ReceivedFrame): object => ({
    streamId,
    type,
    payload: payload === undefined ? undefined : toHex(payload),
  });
  assert.deepEqual(got.map(plain), expected.map(plain));
}

describe('encodeFrame', () => {
  for (const { what, hex, frames } of fixtures.filter((it) => !it.what.includes('flags'))) {
    test(`encodes ${what}`, () => assert.deepEqual(Buffer.concat(frames.map(encodeFrame)), fromHex(hex)));
  }
});

describe('frameDecoder', () => {
  for (const { what, hex, frames } of fixtures) {
    const bytes = fromHex(hex);
    test(`decodes ${what}, divided in two at every byte`, () => {
      for (let at = 0; at <= bytes.length; at++) {
        assertFrames(decodeAll([bytes.subarray(0, at), bytes.subarray(at)]), frames);
      }
    });

    test(`decodes ${what} byte by byte`, () => {
      assertFrames(decodeAll(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))), frames);
    });

    test(`does not decode the last frame of ${what} without its last byte`, () => {
      assertFrames(decodeAll([bytes.subarray(0, -1)]), frames.slice(0, -1));
    });
  }

  test('decodes any frames in any pieces', () => {
    const frame = fc.record({
      streamId: fc.integer({ min: 0, max: 0xffffffff }),
      type: fc.integer({ min: 0, max: 0xff }),
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 10 }), cuts, (frames, at) => {
        const bytes = Buffer.concat(frames.map(encodeFrame));
        const edges = [0, ...at.toSorted((a, b) => a - b), bytes.length];
        assertFrames(decodeAll(edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))), frames);
      }),
      { numRuns: 500 },
    );
  });

  test('decodes the longest payload in chunks', () => {
    const payload = pattern(maxPayloadBytes);
    const bytes = encodeFrame({ streamId: 7, type: FrameType.request, payload });
    const chunks = [bytes.subarray(0, 5), bytes.subarray(5, 70_000), bytes.subarray(70_000)];
    const [frame] = decodeAll(chunks);
    assert.ok(Buffer.from(frame?.payload as Uint8Array).equals(payload));
  });

  test('skips a payload that is one byte longer, however it is divided, and decodes the next frame', () => {
    const long = encodeFrame({ streamId: 7, type: FrameType.request, payload: Buffer.alloc(maxPayloadBytes + 1, 1) });
    const next = { streamId: 9, type: FrameType.request, payload: Buffer.from('next') };
    const bytes = Buffer.concat([long, encodeFrame(next)]);
    const expected = [{ streamId: 7, type: FrameType.request, payload: undefined }, next];
    for (const at of [4, headerBytes, headerBytes + 1, long.length - 1, long.length, long.length + 3]) {
      assertFrames(decodeAll([bytes.subarray(0, at), bytes.subarray(at)]), expected);
    }
  });

  test('refuses a length of 16 MiB or more, and everything after it', () => {
    const frames: ReceivedFrame[] = [];
    const decode = frameDecoder((frame) => void frames.push(frame));
    const error = { message: 'this is not ttrpc: a frame begins with 474554202f2048545450' };
    assert.throws(() => decode(Buffer.from('GET / HTTP/1.1\r\n\r\n')), error);
    assert.throws(() => decode(fromHex(fixtures[0]?.hex as string)), error);
    assert.deepEqual(frames, []);
  });
});
