import { createHash } from 'node:crypto';
import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import type { ShapePart } from '../../schema/compare-shapes.ts';
import { historyTableName, schemaPath } from '../../schema/compile.ts';
import { quoteIdentifier, quoteQualified } from '../../schema/identifier.ts';
import { idsTableName } from '../../schema/partitioning.ts';
import { planSchema } from '../../schema/plan-schema.ts';
import type { ReferenceTarget } from '../../schema/schema-references.ts';
import { columnTypesOf, planReferences } from '../../schema/schema-references.ts';
import { watchDeletes } from '../../schema/table-ddl.ts';
import { endWrites } from '../../schema/version-ddl.ts';
import type { Pool } from '../../store/pool.ts';
import { readTableShapes } from '../../store/table-shape.ts';

/** How an active revision's table would be made today, in a namespace that nobody keeps. */
export interface Model {
  readonly statements: readonly string[];
  /** Digest of the statements: two models of one digest have one shape. */
  readonly madeBy: string;
  readonly scratch: string;
  readonly revision: ActiveRevision;
  /** Stand-ins for the tables it refers to, and what those are called. */
  readonly targets: ReadonlyMap<string, string>;
}

/**
 * Plans the model: the statements of the plan that creates such a table, in a namespace of its own
 * and against stand-ins for the tables that it refers to, so that nothing in use is touched.
 */
export function modelOf(
  revision: ActiveRevision,
  targets: ReadonlyMap<string, ReferenceTarget>,
  frozen: boolean,
): Model {
  const { pgNamespace, pgTable, name } = revision;
  const successor = revision.standing?.successor;
  const scratch = `velocity_expected_${digest(`${pgNamespace}.${pgTable}`).slice(0, 16)}`;
  const desired = { ...revision, name, pgNamespace: scratch };
  const own = schemaPath({ ...revision, version: revision.spec.version });
  const columnTypes = columnTypesOf({ ...revision, name }, targets);
  const stands = new Map<string, ReferenceTarget>();
  const names = new Map<string, string>();
  for (const [path, target] of targets) {
    if (path === own) continue;
    const stand = `velocity_target_${stands.size + 1}_`;
    stands.set(path, { ...target, pgNamespace: scratch, pgTable: stand });
    names.set(
      stand,
      target.pgNamespace === pgNamespace
        ? target.pgTable
        : `${target.pgNamespace}.${target.pgTable}`,
    );
  }
  const keys = new Map<string, Map<string, string>>();
  for (const { column, targetTable, targetColumn } of planReferences(desired, stands, pgTable)) {
    if (targetTable === pgTable) continue;
    const columns = keys.get(targetTable) ?? new Map<string, string>();
    keys.set(targetTable, columns.set(targetColumn, columnTypes.get(column) ?? 'uuid'));
  }
  const { steps } = planSchema({
    ...{ desired, active: undefined, live: undefined, targets: stands, frozen },
    revision: revision.revision,
  });
  const statements = [
    `create schema ${quoteIdentifier(scratch)}`,
    `grant usage, create on schema ${quoteIdentifier(scratch)} to velocity_audit`,
    ...[...keys].map(([table, columns]) => {
      const list = [...columns].map(([key, type]) => `${quoteIdentifier(key)} ${type} unique`);
      return `create table ${quoteQualified(scratch, table)} (${list.join(', ')})`;
    }),
    ...steps.map(({ sql }) => sql),
    watchDeletes(quoteQualified(scratch, pgTable)),
    ...(successor
      ? [endWrites({ ...desired, pgTable, revision: revision.revision }, successor)]
      : []),
  ];
  const madeBy = digest(JSON.stringify([statements, [...names]]));
  return { statements, madeBy, scratch, revision, targets: names };
}

/** Thrown to leave the transaction without a trace. */
class Discarded extends Error {}

/**
 * Makes the model, reads what Postgres says of it and takes all of it back. Locks nothing but what it
 * makes itself; costs some 50 ms, and the caller keeps the answer for as long as the digest stays.
 */
export async function makeExpectedShape(pool: Pool, model: Model): Promise<ShapePart[]> {
  const { statements, scratch, revision, targets } = model;
  const { pgNamespace, pgTable, name, spec } = revision;
  let shape: ShapePart[] = [];
  const historyTable = historyTableName(name, spec.version);
  try {
    await pool.transaction(async (tx) => {
      for (const text of statements) await tx.query({ text });
      const unnamed = [scratch, pgNamespace];
      const idsTable = idsTableName(pgTable);
      const place = { pgNamespace: scratch, pgTable, historyTable, idsTable, unnamed };
      shape = (await readTableShapes(tx, [place]))[0] ?? [];
      throw new Discarded();
    });
  } catch (error) {
    if (!(error instanceof Discarded)) throw error;
  }
  return shape.map((part) => ({ ...part, definition: withTargets(part.definition, targets) }));
}

function withTargets(definition: string, targets: ReadonlyMap<string, string>): string {
  return [...targets].reduce((said, [stand, real]) => said.replaceAll(stand, real), definition);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
