/*
 * The addon answers with numbers of two C enums that TypeScript names: why a pump stopped, and the format of a log. A
 * number that was added or moved on one side alone would be taken for another one without any error. So the addon
 * exports what C says, and both sides must have the same names with the same numbers.
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
