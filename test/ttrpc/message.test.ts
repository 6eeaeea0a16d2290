/*
 * The messages are containerd's: with a wrong field number containerd does not see the field. The generated code
 * depends on the .proto files, so some messages are compared with bytes from containerd's own programs (test/e2e has
 * whole conversations). The other tests cover the helpers: defaults, Any, nanoseconds.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TaskExit } from '../../src/ttrpc/gen/containerd/task-events.js';
import { CreateTaskRequest, StateRequest, StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import { Metrics } from '../../src/ttrpc/gen/containerd/cgroup-v2.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { Timestamp } from '../../src/ttrpc/gen/google/protobuf/timestamp.js';
import { decodeMessage, message, packAny, timestampOf, unpackAny } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { fromHex } from '../helpers/copy/hex.js';

describe('a message', () => {
  test('decodes missing fields to their defaults', () => {
    assert.deepEqual(CreateTaskRequest.decode(new Uint8Array(0)), {
      id: '',
      bundle: '',
      rootfs: [],
      terminal: false,
      stdin: '',
      stdout: '',
      stderr: '',
      checkpoint: '',
      parentCheckpoint: '',
      options: undefined,
    });
  });

  test('is decoded without the fields of a later version', () => {
    const bytes = fromHex('0a0174 fa0603616263 120165');
    assert.deepEqual(StateRequest.decode(bytes), { id: 't', execId: 'e' });
  });

  test('keeps 64 bits', () => {
    const most = 2n ** 64n - 1n;
    const bytes = Metrics.encode(message(Metrics, { pids: { current: 3n, limit: most } })).finish();
    assert.deepEqual(Buffer.from(bytes), fromHex('0a0d 0803 10ffffffffffffffffff01'));
    assert.equal(Metrics.decode(bytes).pids?.limit, most);
  });

  test('made by message has defaults for missing fields', () => {
    assert.deepEqual(message(StateResponse, { id: 't', pid: 7 }).exitedAt, undefined);
    assert.deepEqual(
      Buffer.from(StateResponse.encode(message(StateResponse, { id: 't', pid: 7 })).finish()),
      fromHex('0a01741807'),
    );
  });
});

describe('decodeMessage', () => {
  test('throws the error of an invalid request for bytes that are no such message', () => {
    const error = {
      name: 'RpcError',
      code: Code.InvalidArgument,
      message: /this is not a containerd\.task\.v2\.StateRequest: /,
    };
    assert.throws(() => decodeMessage(StateRequest, fromHex('0aff')), error);
    assert.throws(() => decodeMessage(StateRequest, fromHex('0a'), Code.Internal), { code: Code.Internal });
  });
});

describe('Any', () => {
  const exit = message(TaskExit, { containerId: 'c', id: 'e', pid: 1, exitStatus: 137 });

  test('has the bare name as its type URL', () => {
    const any = packAny(TaskExit, exit);
    assert.equal(any.typeUrl, 'containerd.events.TaskExit');
    assert.deepEqual(Buffer.from(any.value), fromHex('0a0163 120165 1801 208901'));
    assert.deepEqual(unpackAny(TaskExit, any), exit);
  });

  test('has the same type with a host in the URL, and is undefined for another type or none', () => {
    const { typeUrl, value } = packAny(TaskExit, exit);
    assert.deepEqual(unpackAny(TaskExit, { typeUrl: `type.googleapis.com/${typeUrl}`, value }), exit);
    assert.equal(unpackAny(Options, { typeUrl, value }), undefined);
    assert.equal(unpackAny(TaskExit, { typeUrl: '', value }), undefined);
    assert.equal(unpackAny(TaskExit, undefined), undefined);
  });
});

describe('timestampOf', () => {
  const cases: readonly (readonly [number, bigint, number])[] = [
    [0, 0n, 0],
    [1_700_000_000_123, 1_700_000_000n, 123_000_000],
    [1_700_000_000_999.5, 1_700_000_000n, 999_500_000],
    [-1, -1n, 999_000_000],
  ];
  for (const [ms, seconds, nanos] of cases) {
    test(`converts ${ms} ms`, () => {
      assert.deepEqual(timestampOf(ms), { seconds, nanos });
      assert.deepEqual(Timestamp.decode(Timestamp.encode(timestampOf(ms)).finish()), { seconds, nanos });
    });
  }
});
