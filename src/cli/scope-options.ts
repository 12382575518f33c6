import { splitAssignment } from './option-values.ts';

/** Options by which a command limits what it grants; `grant` has no fields. */
export interface ScopeOptions {
  readonly schema?: string;
  readonly schemaVersion?: string;
  readonly operations?: readonly string[];
  readonly attribute?: readonly string[];
  readonly readFields?: readonly string[];
  readonly writeFields?: readonly string[];
}

export interface Scope {
  readonly schema: string;
  readonly version?: string;
  readonly operations?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly fields?: { readonly read?: readonly string[]; readonly write?: readonly string[] };
}

/** Undefined: nothing is limited. */
export function scopeOf(options: ScopeOptions): Scope | undefined {
  const { schema, schemaVersion, operations, attribute, readFields, writeFields } = options;
  const limits = [schema, schemaVersion, operations, attribute, readFields, writeFields];
  if (limits.every((limit) => limit === undefined)) return undefined;
  return {
    schema: schema ?? '*',
    ...(schemaVersion !== undefined && { version: schemaVersion }),
    ...(operations !== undefined && { operations }),
    ...(attribute !== undefined && { attributes: attributesOf(attribute) }),
    ...((readFields ?? writeFields) !== undefined && {
      fields: {
        ...(readFields !== undefined && { read: readFields }),
        ...(writeFields !== undefined && { write: writeFields }),
      },
    }),
  };
}

/** A name that is given several times has several values. */
function attributesOf(assignments: readonly string[]): Record<string, string | string[]> {
  const pairs = assignments.map((text) => splitAssignment(text, 'name=value'));
  const values = Map.groupBy(pairs, ([name]) => name);
  return Object.fromEntries(
    [...values].map(([name, given]) => {
      const all = given.map(([, value]) => value);
      return [name, all.length === 1 ? all[0]! : all];
    }),
  );
}
