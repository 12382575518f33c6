import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../../resources/plans/sql/active-revisions.ts';
import type { DriftItem, ShapePart } from '../../schema/compare-shapes.ts';
import { compareShapes } from '../../schema/compare-shapes.ts';
import { historyTableName, referencePath, schemaPath } from '../../schema/compile.ts';
import { quoteIdentifier, quoteQualified } from '../../schema/identifier.ts';
import { idsTableName } from '../../schema/partitioning.ts';
import { targetKeys } from '../../schema/schema-references.ts';
import { sqlState } from '../../store/database-error.ts';
import type { Pool, Transaction } from '../../store/pool.ts';
import { readTableShapes } from '../../store/table-shape.ts';
import type { ComparedRevision } from '../sql/drift.ts';
import { findCompared, findFormerReaders, putShape } from '../sql/drift.ts';
import { makeExpectedShape, modelOf } from './expected-shape.ts';

export interface Compared {
  readonly revision: ComparedRevision;
  readonly items: readonly DriftItem[];
}

/**
 * Holds the catalogue against these active revisions. What a change is doing right now is not looked
 * at, and a difference counts only when it is still there at a second look, under the same revision.
 */
export async function compareSchemas(
  pool: Pool,
  revisions: readonly ComparedRevision[],
): Promise<Compared[]> {
  const settled = revisions.filter(({ changing }) => !changing);
  const expected = await expectShapes(pool, settled);
  const first = await differences(
    pool,
    settled.filter((one) => expected.has(one)),
    expected,
  );
  const suspects = first.filter(({ items }) => items.length > 0);
  const confirmed = new Map<ComparedRevision, readonly DriftItem[]>();
  for (const { revision } of suspects) {
    const now = (await findCompared(pool, revision)).find(
      ({ version }) => version === revision.version,
    );
    if (now?.revision !== revision.revision || now.changing || now.frozen !== revision.frozen)
      continue;
    const [again] = await differences(pool, [revision], expected);
    if (again !== undefined) confirmed.set(revision, again.items);
  }
  return first.flatMap(({ revision, items }) => {
    if (items.length === 0) return [{ revision, items }];
    const known = confirmed.get(revision);
    return known === undefined ? [] : [{ revision, items: known }];
  });
}

/**
 * A spec that today's code cannot make a table of keeps nobody else from being compared; how long ago
 * it was compared itself is a metric. Everything that may pass is tried again with the whole page.
 */
function unlessRefused(error: unknown): undefined {
  if (/^(0A|22|23|42)/.test(sqlState(error) ?? '')) return undefined;
  throw error;
}

type Shapes = ReadonlyMap<ComparedRevision, readonly ShapePart[]>;

/** The shapes that the revisions' plans of creation make; kept ones where the plan is still the same. */
async function expectShapes(pool: Pool, revisions: readonly ComparedRevision[]): Promise<Shapes> {
  const shapes = new Map<ComparedRevision, readonly ShapePart[]>();
  const keys = revisions.flatMap(({ spec }) => targetKeys(spec));
  const targets = await findActiveRevisions(pool, keys);
  const byPath = new Map(
    targets.map((found) => [schemaPath({ ...found, version: found.spec.version }), found]),
  );
  for (const revision of revisions) {
    const wanted = new Set(pathsOf(revision));
    const own = new Map([...byPath].filter(([path]) => wanted.has(path)));
    const model = modelOf(revision, own, revision.frozen);
    if (model.madeBy === revision.madeBy && revision.shape !== null) {
      shapes.set(revision, revision.shape);
      continue;
    }
    const shape = await makeExpectedShape(pool, model).catch(unlessRefused);
    if (shape === undefined) continue;
    await putShape(pool, revision, { madeBy: model.madeBy, shape });
    shapes.set(revision, shape);
  }
  return shapes;
}

async function differences(
  tx: Transaction,
  revisions: readonly ComparedRevision[],
  expected: Shapes,
): Promise<Compared[]> {
  const tables = revisions.map(({ pgNamespace, pgTable, name, version }) => {
    const historyTable = historyTableName(name, version);
    const idsTable = idsTableName(pgTable);
    return { pgNamespace, pgTable, historyTable, idsTable, unnamed: [pgNamespace] };
  });
  const actual = await readTableShapes(tx, tables);
  const compared: Compared[] = [];
  for (const [place, revision] of revisions.entries()) {
    const { referred } = revision;
    const needed = new Set(revision.needed);
    const compare = (readers: ReadonlySet<string>): DriftItem[] =>
      compareShapes(expected.get(revision) ?? [], actual[place] ?? [], {
        referred,
        readers,
        needed,
      });
    let items = compare(needed);
    if (items.some(({ kind, difference }) => kind === 'right' && difference === 'unexpected')) {
      items = compare(new Set([...needed, ...(await findFormerReaders(tx, revision))]));
    }
    compared.push({ revision, items: await notingValues(tx, revision, items) });
  }
  return compared;
}

/** Whether a column that somebody added holds anything decides whether it can simply go. */
async function notingValues(
  tx: Transaction,
  { pgNamespace, pgTable }: ActiveRevision,
  items: readonly DriftItem[],
): Promise<DriftItem[]> {
  const noted: DriftItem[] = [];
  for (const item of items) {
    if (item.kind !== 'column' || item.difference !== 'unexpected') {
      noted.push(item);
      continue;
    }
    const table = quoteQualified(pgNamespace, pgTable);
    const text = `select exists (select from ${table} where ${quoteIdentifier(item.name)} is not null) as filled`;
    // Who may not look takes it that there is something.
    const filled = await tx.query<{ filled: boolean }>({ text }).then(
      ({ rows }) => rows[0]?.filled ?? true,
      () => true,
    );
    noted.push({ ...item, filled });
  }
  return noted;
}

function pathsOf({ spec }: ActiveRevision): string[] {
  return spec.fields.flatMap(({ ref }) => (ref === undefined ? [] : [referencePath(ref)]));
}
