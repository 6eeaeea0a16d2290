/** Frames over a socket, as both sides of ttrpc see it. */
import type { Socket } from 'node:net';
import { type Frame, type ReceivedFrame, encodeFrame, frameDecoder } from './frame.js';

export interface FrameConnection {
  /** False: the socket's buffer is full, and whoever can wait should, until it drains. */
  send(frame: Frame): boolean;
  /** Closes it once what was sent is written. Nothing more is received. Idempotent. */
  end(): void;
  /** Closes it now. Idempotent. */
  destroy(): void;
}

export interface FrameConnectionOptions {
  onFrame: (frame: ReceivedFrame) => void;
  /** Called once, when the socket is closed. There is a `fault` if what came was no ttrpc. */
  onClose: (fault: unknown) => void;
}

/** Takes the socket over. */
export function frameConnection(socket: Socket, { onFrame, onClose }: FrameConnectionOptions): FrameConnection {
  let isEnding = false;
  let fault: unknown;
  const decode = frameDecoder((frame) => {
    if (!isEnding) onFrame(frame);
  });
  socket.on('data', (chunk) => {
    try {
      decode(chunk);
    } catch (error) {
      fault = error;
      isEnding = true;
      socket.destroy();
    }
  });
  /* EPIPE or ECONNRESET: the other side has left, and the close that follows says so. */
  socket.on('error', () => {});
  socket.on('close', () => onClose(fault));
  return {
    send: (frame) => isEnding || socket.write(encodeFrame(frame)),
    end() {
      isEnding = true;
      socket.destroySoon();
    },
    destroy() {
      isEnding = true;
      socket.destroy();
    },
  };
}
