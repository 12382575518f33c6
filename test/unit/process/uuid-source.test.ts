import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createUuidSource } from '../../../src/process/uuid-source.ts';

const randomFill = (bytes: Uint8Array) => void randomFillSync(bytes);

describe('UUIDs', () => {
  it('are of version 7, carry the time, differ and rise', () => {
    let nowMs = Date.parse('2026-01-01T00:00:00Z');
    const next = createUuidSource({ now: () => nowMs, randomFill });
    const ids = Array.from({ length: 20_000 }, (_, n) => {
      if (n % 700 === 0) nowMs++;
      return next();
    });
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(ids.filter((id) => !form.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(ids.toSorted());
    expect(Number.parseInt(ids[0]!.replace('-', '').slice(0, 12), 16)).toBe(
      Date.parse('2026-01-01T00:00:00.001Z'),
    );
  });

  it('rise when the clock is set back, and when a millisecond holds more than it can count', () => {
    let nowMs = 1_000_000;
    const next = createUuidSource({ now: () => nowMs, randomFill });
    const ids = [next()];
    nowMs = 500_000;
    for (let n = 0; n < 10_000; n++) ids.push(next());
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
  });
});
