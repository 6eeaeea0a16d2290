/** Entries that wait for the disk, in few and large blocks: while one block is written, new entries go to the next. */
import { createEncoder, type LogStream } from '../encoder.js';
import type { LogFormat } from '../../native/addon.js';

export interface Batches {
  /** Bytes of entries that were not released yet. */
  readonly pendingBytes: number;
  /** Makes entries of the output of a process. */
  append(stream: LogStream, bytes: Uint8Array): void;
  /** Makes an entry of a last line that has no newline. */
  end(stream: LogStream): void;
  /** Returns the oldest entries, only whole ones; undefined if there are none. They stay valid until `release`. */
  take(): Uint8Array | undefined;
  /** Frees the entries that were taken. */
  release(): void;
  /** Call it after the last `release`. Idempotent. */
  close(): void;
}

/** An entry has at most 96 KiB and a frame. */
const blockBytes = 256 * 1024;

interface Block {
  bytes: Uint8Array;
  length: number;
}

export function createBatches(format: LogFormat): Batches {
  const encoder = createEncoder(format);
  const blocks: Block[] = [];
  let taken: Block | undefined;
  let pendingBytes = 0;
  const addBlock = (): Block => {
    const block = { bytes: freeBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes), length: 0 };
    blocks.push(block);
    return block;
  };
  const lastBlock = (): Block => blocks.at(-1) ?? addBlock();
  const dropUnused = (): void => {
    if (blocks.at(-1)?.length === 0) giveBack(blocks.pop() as Block);
  };
  const grow = (block: Block, written: number): void => {
    block.length += written;
    pendingBytes += written;
  };
  return {
    get pendingBytes() {
      return pendingBytes;
    },
    append(stream, bytes) {
      for (let rest = bytes, block = lastBlock(); rest.length > 0; ) {
        const { taken: count, written } = encoder.encode(stream, rest, block.bytes.subarray(block.length));
        grow(block, written);
        rest = rest.subarray(count);
        if (rest.length > 0) block = addBlock();
      }
      dropUnused();
    },
    end(stream) {
      const last = lastBlock();
      const length = encoder.end(stream, last.bytes.subarray(last.length));
      if (length === undefined) {
        const block = addBlock();
        grow(block, encoder.end(stream, block.bytes) ?? 0);
      } else {
        grow(last, length);
      }
      dropUnused();
    },
    take() {
      taken = blocks.shift();
      return taken?.bytes.subarray(0, taken.length);
    },
    release() {
      if (taken === undefined) return;
      pendingBytes -= taken.length;
      giveBack(taken);
      taken = undefined;
    },
    close() {
      encoder.close();
      while (blocks.length > 0) giveBack(blocks.pop() as Block);
    },
  };
}

/** Shared by all logs. An idle log holds no block. */
const freeBlocks: Uint8Array[] = [];

const mostFreeBlocks = 4;

function giveBack({ bytes }: Block): void {
  if (freeBlocks.length < mostFreeBlocks) freeBlocks.push(bytes);
}
