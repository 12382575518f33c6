import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { priorOf } from '../schema/diff.ts';

export interface RevisionSpec {
  readonly revision: number;
  readonly spec: SchemaDefinitionSpec;
}

/** Up to and including this revision the values of `field` are in a column of another name. */
export interface MovedColumn {
  readonly field: string;
  readonly untilRevision: number;
  readonly historyColumn: string;
}

/** Where the value of a field lies in the rows that were written under one revision. */
export interface FieldSource {
  /** The field as that revision had it. */
  readonly field: Field;
  readonly column: string;
}

/** The same source for all rows up to and including this revision, and after the stretch before. */
export interface Stretch {
  readonly untilRevision: number;
  /** Undefined: the field did not exist yet. */
  readonly source: FieldSource | undefined;
}

/** Everything that is needed to read what any revision of a schema has written. */
export interface Lineage {
  /** Oldest first; the last is the one that serves. */
  readonly revisions: readonly RevisionSpec[];
  readonly moved: readonly MovedColumn[];
}

/** The column that holds a field of a revision. */
export function columnAt({ moved }: Lineage, field: string, revision: number): string {
  const holding = moved
    .filter((one) => one.field === field && one.untilRevision >= revision)
    .sort((a, b) => a.untilRevision - b.untilRevision);
  return holding[0]?.historyColumn ?? field;
}

/**
 * Where the field of now has its past, stretch by stretch, renames followed back to where the field
 * began. The stretches cover all revisions; the last is that of the field as it is.
 */
export function followBack(lineage: Lineage, name: string): Stretch[] {
  const { revisions } = lineage;
  const stretches: Stretch[] = [];
  let field = revisions.at(-1)?.spec.fields.find((one) => one.name === name);
  for (let place = revisions.length - 1; place >= 0; place--) {
    const { revision, spec } = revisions[place]!;
    const newer = revisions[place + 1];
    if (newer !== undefined && field !== undefined) {
      field = priorOf(field, { active: spec, desired: newer.spec });
    }
    const column = field && columnAt(lineage, field.name, revision);
    const source = field && column !== undefined ? { field, column } : undefined;
    const last = stretches[0];
    if (last !== undefined && sameSource(last.source, source)) continue;
    stretches.unshift({ untilRevision: revision, source });
  }
  return stretches;
}

function sameSource(one: FieldSource | undefined, other: FieldSource | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const { type, precision, scale, ref } = one.field;
  return (
    one.column === other.column &&
    type === other.field.type &&
    precision === other.field.precision &&
    scale === other.field.scale &&
    JSON.stringify(ref) === JSON.stringify(other.field.ref)
  );
}

/** What became of a field of an earlier revision. */
export interface FieldFate {
  /** As the last revision that had it said. */
  readonly field: Field;
  /** False: it was dropped. */
  readonly serves: boolean;
}

/** Undefined where the revision has no such field. */
export function followForward(
  { revisions }: Lineage,
  name: string,
  revision: number,
): FieldFate | undefined {
  const start = revisions.findIndex((one) => one.revision === revision);
  const first = revisions[start]?.spec.fields.find((one) => one.name === name);
  if (first === undefined) return undefined;
  let field: Field = first;
  for (let place = start; place < revisions.length - 1; place++) {
    const specs = { active: revisions[place]!.spec, desired: revisions[place + 1]!.spec };
    const before: string = field.name;
    const next: Field | undefined = specs.desired.fields.find(
      (one) => priorOf(one, specs)?.name === before,
    );
    if (next === undefined) return { field, serves: false };
    field = next;
  }
  return { field, serves: true };
}
