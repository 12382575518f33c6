import { describe, expect, it } from 'vitest';
import { fieldsBehind } from '../../../src/schema/compile.ts';

describe('fieldsBehind', () => {
  const long = `shipment_v1_${'a'.repeat(50)}_key`.slice(0, 63);
  const constraints = new Map([
    ['shipment_v1_pkey', ['id']],
    ['shipment_v1_due_slot_key', ['due', 'slot']],
    [long, ['a']],
  ]);
  it.each([
    ['shipment_v1_pkey', ['id']],
    ['shipment_v1_due_slot_key~16423', ['due', 'slot']],
    [`${long.slice(0, 52)}~4294967295`, ['a']],
    ['shipment_v1_due~1', []],
    ['of_somebody_else', []],
  ])('knows what %s is about, also as a part of a partition', (name, fields) => {
    expect(fieldsBehind({ constraints }, name)).toEqual(fields);
  });
});
