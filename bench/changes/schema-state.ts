import type { Change, FieldSpec } from './sequence.ts';

/** A schema between two changes. */
export interface SchemaState {
  readonly fields: ReadonlyMap<string, FieldSpec>;
  readonly spec: Readonly<Record<string, unknown>>;
  /** By field: SQL over the number of a seed. */
  readonly seeds: ReadonlyMap<string, string>;
}

export function changed(state: SchemaState, change: Change): SchemaState {
  return {
    fields: merged(state.fields, change.fields ?? {}),
    spec: { ...state.spec, ...change.spec },
    seeds: merged(state.seeds, change.seeds ?? {}),
  };
}

/** The schema to go back to: as before, with what was renamed renamed once more. */
export function undone(state: SchemaState, { renamed = {} }: Change): SchemaState {
  const back = Object.entries(renamed).map(([now, before]): [string, FieldSpec | undefined] => {
    const field = state.fields.get(before);
    return [before, field && { ...field, renamedFrom: now }];
  });
  return { ...state, fields: merged(state.fields, Object.fromEntries(back)) };
}

export function manifestSpec({ fields, spec }: SchemaState, common: object): object {
  const list = [...fields].map(([name, field]) => ({ name, ...field }));
  return { ...common, ...spec, fields: list };
}

function merged<T>(before: ReadonlyMap<string, T>, over: Readonly<Record<string, T | undefined>>) {
  const after = new Map(before);
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  return after;
}
