import type { CompiledField } from '../schema/compile.ts';
import { plainDecimal } from './exact-number.ts';

/** A validated JSON value as the parameter of its column. */
export function columnValue(field: CompiledField, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (field.type) {
    case 'json':
      return JSON.stringify(value);
    case 'geopoint': {
      const { lat, lon } = value as { lat: number; lon: number };
      return `(${lon},${lat})`;
    }
    case 'decimal':
      return plainDecimal(value as string | number);
    default:
      return Array.isArray(value) ? value : String(value);
  }
}
