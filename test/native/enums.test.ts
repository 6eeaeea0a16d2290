/*
 * The addon returns numbers of two C enums that TypeScript names: the reason why a pump stopped, and the format of a
 * log. If a number were added or moved on only one side, it would be taken for another without an error. The addon
 * exports the values of C, and both sides must have the same names with the same numbers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addon, LogFormat, PumpStop } from '../../src/native/addon.js';

test('PumpStop has the names and the numbers of `enum stop` in native/addon.h', () => {
  assert.deepEqual(PumpStop, { ...addon.pump_stops });
});

test('LogFormat has the names and the numbers of `enum log_format` in native/addon.h', () => {
  assert.deepEqual(LogFormat, { ...addon.log_formats });
});
