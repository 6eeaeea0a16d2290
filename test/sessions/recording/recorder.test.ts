/*
 * A disk may be slower than the output of a terminal, for a moment or for ever. The recorder must keep a bounded amount
 * of data, must continue when there is room, at a point where a player can continue, and must record how much is
 * missing. The tests play the disk.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordingFile } from '../../../src/sessions/recording/file.js';
import { startRecorder } from '../../../src/sessions/recording/recorder.js';
import type { Broadcast } from '../../../src/stdio/broadcast/broadcast.js';
import type { TerminalSession } from '../../../src/task/io/process-io.js';
import { parseAsciicast } from '../../helpers/sessions/asciicast.js';

/** A file on a disk that takes nothing until it is told to. */
function slowFile(): RecordingFile & { text: string; takeAll(): void } {
  return {
    text: '',
    pendingLength: 0,
    append(lines) {
      this.text += lines;
      Object.assign(this, { pendingLength: this.pendingLength + lines.length });
    },
    takeAll() {
      Object.assign(this, { pendingLength: 0 });
    },
    close: () => Promise.resolve(),
  };
}

function startRecording(withInput = false) {
  const file = slowFile();
  let show: (bytes: Uint8Array) => void = () => {};
  let type: (bytes: Uint8Array) => void = () => {};
  const observe: Broadcast['observe'] = (onOutput) => {
    show = onOutput;
    return { close() {} };
  };
  const terminal = {
    broadcast: { observe },
    observeInput(onInput: typeof type) {
      type = onInput;
      return { close() {} };
    },
  } as TerminalSession;
  const recorder = startRecorder({
    terminal,
    file,
    withInput,
    sizeNow: () => ({ columns: 80, rows: 24 }),
    facts: { title: 'c', command: 'sh', env: {} },
    present: Buffer.from('present\r\n'),
  });
  return {
    file,
    recorder,
    show: (text: string) => show(Buffer.from(text)),
    type: (text: string) => type(Buffer.from(text)),
  };
}

const line = `\u001b[31m${'x'.repeat(1000)}\r\n`;
const mebibyte = 1024 * 1024;

test('output that the disk does not accept is left out, counted, and followed by a valid screen', () => {
  const { file, recorder, show } = startRecording();
  let shown = 0;
  for (; shown < 20_000; shown++) show(line);
  assert.ok(file.pendingLength < 9 * mebibyte, `${file.pendingLength} characters wait`);
  const before = parseAsciicast(file.text).all('o');
  file.takeAll();
  show(`1mcut off\r\n${line}`);
  show('and on\r\n');
  recorder.close();
  const after = parseAsciicast(file.text).all('o').slice(before.length);
  assert.match(
    after,
    // eslint-disable-next-line no-control-regex
    /^\u0018\u001b\[m\r\n\[termshim: 1[0-9] MB of output skipped\]\r\n\u001b\[31mx{1000}\r\nand on\r\n$/,
  );
});

test('output that is left out at the end is counted', () => {
  const { file, recorder, show } = startRecording();
  for (let shown = 0; shown < 20_000; shown++) show(line);
  recorder.close();
  assert.match(parseAsciicast(file.text).all('o').slice(-100), /1[0-9] MB of output skipped\]\r\n$/);
});

test('an endless paste is bounded too', () => {
  const { file, type } = startRecording(true);
  for (let typed = 0; typed < 20_000; typed++) type(line);
  assert.ok(file.pendingLength < 9 * mebibyte, `${file.pendingLength} characters wait`);
});
