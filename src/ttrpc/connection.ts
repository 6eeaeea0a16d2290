/** Frames over a socket, for the client and for the server. */
import type { Socket } from 'node:net';
import { type Frame, type ReceivedFrame, encodeFrame, frameDecoder } from './frame.js';

export interface FrameConnection {
  /** False if the socket's buffer is full: a caller that can wait should wait until it drains. */
  send(frame: Frame): boolean;
  /** Closes the connection when all frames that were sent are written. No more frames are received. Idempotent. */
  end(): void;
  /** Closes the connection now. Idempotent. */
  destroy(): void;
}

export interface FrameConnectionOptions {
  onFrame: (frame: ReceivedFrame) => void;
  /** Called once, when the socket is closed. There is a `fault` if the bytes received were not ttrpc. */
  onClose: (fault: unknown) => void;
}

/** Takes over the socket. */
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
  /* EPIPE or ECONNRESET: the other side has left. The event `close` follows. */
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
