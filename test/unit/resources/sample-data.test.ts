import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readFlights } from '../../../scripts/demo/flights.ts';
import type { Field } from '../../../src/contract/kinds.ts';
import { readManifests } from '../../../src/resources/manifest-reader.ts';
import { validateManifest } from '../../../src/resources/manifest-validator.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function fieldsOf(file: string): Field[] {
  const text = readFileSync(`${root}samples/flights/${file}`, 'utf8');
  const result = validateManifest(readManifests(text, file).manifests[0]?.manifest);
  if ('problems' in result || result.resource.kind !== 'SchemaDefinition') throw new Error(file);
  return result.resource.spec.fields;
}

/** Texts that a field of the sample would refuse, and required values that are missing. */
function misfits(records: readonly Readonly<Record<string, unknown>>[], fields: Field[]) {
  const names = new Set(fields.map(({ name }) => name));
  return records.flatMap((record) => {
    const unknown = Object.keys(record).filter((name) => !names.has(name));
    const wrong = fields.filter(({ name, required, pattern, maxLength, min }) => {
      const value = record[name];
      if (value === null || value === undefined) return required;
      if (typeof value === 'number') return min !== undefined && value < min;
      if (typeof value !== 'string') return false;
      const tooLong = maxLength !== undefined && value.length > maxLength;
      return tooLong || (pattern !== undefined && !new RegExp(pattern, 'u').test(value));
    });
    return [...unknown, ...wrong.map(({ name }) => name)].map((name) => [name, record[name]]);
  });
}

describe('flights data', () => {
  it('fits its schemas, row by row', async () => {
    const { airports, routes } = await readFlights(root);
    expect([airports.length, routes.length]).toEqual([3_376, 5_366]);
    expect(misfits(airports, fieldsOf('airport.yaml'))).toEqual([]);
    expect(misfits(routes, fieldsOf('route.yaml'))).toEqual([]);
  });

  it('has every end of every route among its airports, and every pair once', async () => {
    const { airports, routes } = await readFlights(root);
    const codes = new Set(airports.map(({ iata }) => iata));
    const ends = routes.flatMap(({ origin, destination }) => [origin, destination]);
    expect(codes.size).toBe(airports.length);
    expect(ends.filter((code) => !codes.has(code))).toEqual([]);
    const pairs = new Set(routes.map(({ origin, destination }) => `${origin} ${destination}`));
    expect(pairs.size).toBe(routes.length);
  });

  it('has positions on the globe and no value where R wrote NA', async () => {
    const { airports } = await readFlights(root);
    for (const { position } of airports) {
      const { lat, lon } = position as { lat: number; lon: number };
      expect(Math.abs(lat)).toBeLessThanOrEqual(90);
      expect(Math.abs(lon)).toBeLessThanOrEqual(180);
    }
    expect(airports.filter(({ city }) => city === null)).toHaveLength(12);
    expect(airports.filter(({ state }) => state === 'NA')).toEqual([]);
  });
});
