import type { CompiledSchema } from '../schema/compile.ts';
import { quoteIdentifier } from '../schema/identifier.ts';
import type { Condition } from './condition.ts';
import type { GeoCircle } from './filter-value.ts';
import type { Parameters } from './parameters.ts';
import type { FieldTest, PlannedCondition } from './plan-condition.ts';
import { planRowFilter } from './plan-condition.ts';
import { parameterTypes } from './value-type.ts';

/** Mean radius of the earth in kilometres (IUGG), for distances by the haversine formula. */
const earthRadiusKm = 6371.0088;
/** Kilometres of one degree of latitude, a little short, so that boxes come out a little wide. */
const kmPerDegree = 111.1;

/**
 * A row filter, or any condition of our own making, as SQL over the table `alias`: every value a
 * parameter. A field without value passes no test but `is_null` and `exists: false`; `not` turns
 * exactly that around, so each row passes either a condition or its negation.
 */
export function compileCondition(
  schema: CompiledSchema,
  condition: Condition,
  alias: string,
  parameters: Parameters,
): string {
  return compilePlanned(planRowFilter(schema, condition), alias, parameters);
}

export function compilePlanned(
  condition: PlannedCondition,
  alias: string,
  parameters: Parameters,
): string {
  if ('field' in condition) return compileTest(condition, alias, parameters);
  if ('not' in condition) {
    return `(${compilePlanned(condition.not, alias, parameters)}) is not true`;
  }
  const [members, word, empty] =
    'and' in condition ? [condition.and, ' and ', 'true'] : [condition.or, ' or ', 'false'];
  if (members.length === 0) return empty;
  const compiled = members.map((member) => compilePlanned(member, alias, parameters));
  return compiled.length === 1 ? compiled[0]! : `(${compiled.join(word)})`;
}

function compileTest(test: FieldTest, alias: string, parameters: Parameters): string {
  const { type, op, value } = test;
  const column = `${quoteIdentifier(alias)}.${quoteIdentifier(test.field.name)}`;
  const own = parameterTypes[type];
  const isList = type === 'text[]' || type === 'integer[]';
  switch (op) {
    case 'is_null':
      return `${column} is ${value === true ? '' : 'not '}null`;
    case 'is_not_null':
    case 'exists':
      return `${column} is ${value === true ? 'not ' : ''}null`;
    case 'in':
      return `${column} = any(${parameters.add(value, `${own}[]`)})`;
    case 'not_in':
      return `${column} <> all(${parameters.add(value, `${own}[]`)})`;
    case 'between': {
      const [from, to] = value as readonly [unknown, unknown];
      return `${column} between ${parameters.add(from, own)} and ${parameters.add(to, own)}`;
    }
    case 'contains':
      if (type === 'json') return `${column} @> ${parameters.add(value, own)}`;
      if (isList) return `${column} @> ${parameters.add([value], own)}`;
      return `${column} like ${parameters.add(`%${escapePattern(value)}%`, 'text')}`;
    case 'starts_with':
      return `${column} like ${parameters.add(`${escapePattern(value)}%`, 'text')}`;
    case 'like':
      return `${column} like ${parameters.add(value, 'text')}`;
    case 'overlaps':
      return `${column} && ${parameters.add(value, own)}`;
    case 'contains_all':
      return `${column} @> ${parameters.add(value, own)}`;
    case 'within_km':
      return compileCircle(column, value as GeoCircle, parameters);
    default:
      return `${column} ${comparisons[op]} ${parameters.add(value, own)}`;
  }
}

const comparisons = { eq: '=', neq: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

function escapePattern(value: unknown): string {
  return String(value).replace(/[\\%_]/g, '\\$&');
}

/** The box lets an index on the point skip what is far away; the formula then decides. */
function compileCircle(column: string, circle: GeoCircle, parameters: Parameters): string {
  const number = (value: number): string => parameters.add(value, 'double precision');
  const [lat, lon, km] = [number(circle.lat), number(circle.lon), number(circle.km)];
  const [pointLat, pointLon] = [`radians(${column}[1])`, `${column}[0]`];
  const distance =
    `2 * ${earthRadiusKm} * asin(least(1, sqrt(` +
    `sin((${pointLat} - radians(${lat})) / 2) ^ 2 + ` +
    `cos(radians(${lat})) * cos(${pointLat}) * sin(radians(${pointLon} - ${lon}) / 2) ^ 2)))`;
  const box = boxAround(circle);
  if (box === undefined) return `${distance} <= ${km}`;
  const [west, south, east, north] = box.map(number);
  return `(${column} <@ box(point(${west}, ${south}), point(${east}, ${north})) and ${distance} <= ${km})`;
}

/** West, south, east, north; undefined where the circle holds a pole or crosses the date line. */
function boxAround({ lat, lon, km }: GeoCircle): [number, number, number, number] | undefined {
  const high = km / kmPerDegree;
  if (Math.abs(lat) + high >= 89) return undefined;
  const toRadians = Math.PI / 180;
  const wide = high / Math.cos((Math.abs(lat) + high) * toRadians);
  if (Math.abs(lon) + wide >= 180) return undefined;
  return [lon - wide, lat - high, lon + wide, lat + high];
}
