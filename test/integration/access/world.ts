import type { Field, Operation, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { Condition } from '../../../src/query/condition.ts';

/** One schema with its callers and records, as the reference evaluator knows them: nothing but data. */
export interface World {
  /** Of the schema. */
  readonly name: string;
  readonly organisation: string;
  readonly spec: SchemaDefinitionSpec;
  readonly callers: readonly Caller[];
  /** Changed by every write that succeeds. */
  readonly records: KnownRecord[];
}

export type Values = Readonly<Record<string, unknown>>;
export type Attributes = Readonly<Record<string, unknown>>;
/** Ended: expired or revoked. */
export type Standing = 'live' | 'expired' | 'revoked';

export interface Binding {
  readonly roles: readonly string[];
  readonly scopes: readonly Scope[];
  readonly standing: Standing;
}

export interface Scope {
  readonly schema: string;
  readonly version?: string;
  readonly operations?: readonly Operation[];
  readonly attributes?: Attributes;
  /** Of keys alone. */
  readonly fields?: { readonly read?: readonly string[]; readonly write?: readonly string[] };
}

export interface Caller {
  readonly actor: string;
  readonly organisation: string;
  /** Holds the bootstrap key. */
  readonly platformAdmin: boolean;
  readonly bindings: readonly Binding[];
  /** Calls with a token that says this, and with no key. */
  readonly token?: { readonly roles: readonly string[]; readonly attributes: Attributes };
  readonly key: { readonly scopes: readonly Scope[]; readonly standing: Standing };
}

export interface State {
  readonly version: number;
  readonly operation: 'create' | 'update' | 'delete';
  readonly actor: string;
  readonly values: Values;
}

export interface KnownRecord {
  readonly id: string;
  /** Oldest first; the last one is what the record is now. */
  readonly states: State[];
}

export interface Sorting {
  readonly field: string;
  readonly direction: 'asc' | 'desc';
}

export interface Aggregation {
  readonly fn: 'count' | 'min' | 'max' | 'sum';
  readonly field?: string;
  readonly as: string;
}

export type AccessRequest =
  | { readonly kind: 'get'; readonly id: string; readonly select?: readonly string[] }
  | {
      readonly kind: 'list' | 'query';
      /** For a list, fields that all hold. */
      readonly where: readonly Condition[];
      readonly sort: readonly Sorting[];
      readonly select?: readonly string[];
    }
  | {
      readonly kind: 'groups';
      readonly where: readonly Condition[];
      readonly by: readonly string[];
      readonly aggregates: readonly Aggregation[];
    }
  | { readonly kind: 'history'; readonly id: string }
  | { readonly kind: 'create'; readonly body: Values }
  | { readonly kind: 'patch' | 'put'; readonly id: string; readonly body: Values }
  | { readonly kind: 'delete'; readonly id: string };

export const defaultRole = 'reader';
export const adminRole = 'sales-admin';
export const adminActor = 'platform-admin';

export function stateOf(record: KnownRecord): State {
  const last = record.states.at(-1);
  if (last === undefined) throw new Error(`record ${record.id} never was`);
  return last;
}

export function fieldOf(spec: SchemaDefinitionSpec, name: string): Field | undefined {
  return spec.fields.find((field) => field.name === name);
}
