import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../../resources/plans/sql/active-revisions.ts';
import { schemaPath } from '../../schema/compile.ts';
import { compileMapping } from '../../schema/compile-mapping.ts';
import type { VersionCopy } from '../../schema/plan-version-copy.ts';
import { planVersionCopy } from '../../schema/plan-version-copy.ts';
import type { ReferenceTarget, SchemaReference } from '../../schema/schema-references.ts';
import { columnTypesOf, planReferences, targetKeys } from '../../schema/schema-references.ts';
import type { VersionEnd } from '../../schema/version-mapping.ts';
import type { ActivityDeps } from '../deps.ts';
import { findOfKind } from '../find-resource.ts';
import type { Consumer } from '../sql/outbox.ts';
import type { VersionMigration } from '../sql/version-migrations.ts';
import { findMigration } from '../sql/version-migrations.ts';

/** A step of a migration: which one, of which schema. */
export interface MigrationStep {
  readonly ref: ResourceRef;
  readonly id: string;
}

export interface GatheredMigration {
  readonly migration: VersionMigration;
  readonly schema: SchemaDefinition;
  readonly from: ActiveRevision;
  readonly to: ActiveRevision;
  /** Of the new version. */
  readonly references: readonly SchemaReference[];
  readonly copy: VersionCopy;
  readonly consumer: Consumer;
}

/** Undefined when the schema, or what is served of one of the two versions, is gone. */
export async function gatherMigration(
  { store, pool }: ActivityDeps,
  { ref, id }: MigrationStep,
): Promise<GatheredMigration | undefined> {
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  const migration = await findMigration(pool, id);
  if (schema === undefined || migration === undefined) return undefined;
  const { namespace, name } = ref;
  const own = await findActiveRevisions(pool, [{ namespace, name }]);
  const from = own.find(({ spec }) => spec.version === migration.fromVersion);
  const to = own.find(({ spec }) => spec.version === migration.toVersion);
  if (from === undefined || to === undefined) return undefined;
  const keys = [from, to].flatMap(({ spec }) => targetKeys(spec));
  const others = await findActiveRevisions(pool, keys);
  const targets = new Map(
    [...own, ...others].map((one) => [schemaPath({ ...one, version: one.spec.version }), one]),
  );
  const references = planReferences(to, targets, to.pgTable);
  const { pgNamespace } = to;
  const ends = { from: endOf(from, targets), to: endOf(to, targets) };
  const compile = compileMapping(ends.from);
  return {
    migration,
    schema,
    from,
    to,
    references,
    copy: planVersionCopy({ name, pgNamespace, ...ends, references, compile }),
    consumer: { pgNamespace, pgTable: from.pgTable, consumer: `migration/${id}` },
  };
}

function endOf(
  revision: ActiveRevision,
  targets: ReadonlyMap<string, ReferenceTarget>,
): VersionEnd {
  const types = columnTypesOf(revision, targets);
  const { spec, pgTable } = revision;
  return { spec, pgTable, typeOf: (field) => types.get(field.name) ?? 'text' };
}
