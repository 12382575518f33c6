import { usageFailure } from '../failures.ts';
import { splitAssignment } from '../option-values.ts';
import type { SchemaFields, ValueType } from '../schema-fields.ts';

/** From `--map`: columns (joined by a comma, for a point) to a field; an empty field leaves them out. */
export type ColumnMap = ReadonlyMap<string, string>;

export interface Target {
  readonly field: string;
  readonly type: ValueType;
  /** Places in a row; several make up one value: latitude and longitude. */
  readonly columns: readonly number[];
}

export function parseColumnMap(texts: readonly string[]): ColumnMap {
  return new Map(texts.map((text) => splitAssignment(text, 'column=field')));
}

/** Which columns fill which field; refuses a header that names what the schema does not have. */
export function mapColumns(
  header: readonly string[],
  fields: SchemaFields,
  map: ColumnMap,
): Target[] {
  const targets: Target[] = [];
  const used = new Set<number>();
  const placeOf = (column: string) => {
    const place = header.findIndex((name) => name.trim() === column.trim());
    if (place >= 0) return place;
    throw usageFailure(
      `--map: there is no column "${column}"`,
      `The columns: ${header.join(', ')}`,
    );
  };
  for (const [columns, field] of map) {
    const places = header.includes(columns) ? [placeOf(columns)] : columns.split(',').map(placeOf);
    for (const place of places) used.add(place);
    if (field === '') continue;
    const type = fields.get(field);
    if (type === undefined) throw unknownFields([field], fields);
    targets.push({ field, type, columns: places });
  }
  const unknown: string[] = [];
  for (const [place, name] of header.entries()) {
    if (used.has(place)) continue;
    const field = [name.trim(), fieldNameOf(name)].find((candidate) => fields.has(candidate));
    if (field === undefined) unknown.push(name);
    else targets.push({ field, type: fields.get(field)!, columns: [place] });
  }
  if (unknown.length > 0) throw unknownFields(unknown, fields, pointMapping(unknown, fields));
  const twice = targets.find(
    ({ field }, at) => targets.findIndex((one) => one.field === field) < at,
  );
  if (twice !== undefined)
    throw usageFailure(
      `two columns fill the field "${twice.field}"`,
      'Leave one out: --map COLUMN=',
    );
  return targets;
}

/** `PO Number` to `po_number`. */
function fieldNameOf(column: string): string {
  return column
    .trim()
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
}

function unknownFields(names: readonly string[], fields: SchemaFields, mapping = 'COLUMN=FIELD') {
  const quoted = names.map((name) => `"${name}"`).join(', ');
  return usageFailure(
    `the schema has no field for ${quoted}`,
    `Map it, --map ${mapping}, or leave it out, --map COLUMN= (fields: ${[...fields.keys()].join(', ')})`,
  );
}

/** What is meant most often: two columns that are one point. */
function pointMapping(columns: readonly string[], fields: SchemaFields): string | undefined {
  const lat = columns.find((column) => /^lat(itude)?$/i.test(column.trim()));
  const lon = columns.find((column) => /^(lon|lng|long|longitude)$/i.test(column.trim()));
  const [point] = [...fields].find(([, type]) => type === 'geopoint') ?? [];
  return lat && lon && point ? `${lat},${lon}=${point}` : undefined;
}
