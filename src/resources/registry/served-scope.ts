import type { RevisionRow } from '../../schema/compile.ts';
import { referencePath, schemaPath } from '../../schema/compile.ts';

/** What one API serves: an application, or one domain of it. */
export interface ServedScope {
  readonly organisation: string;
  readonly application: string;
  readonly domain?: string;
}

type Placed = Pick<RevisionRow, 'organisation' | 'application' | 'domain'>;

/** Without a scope everything is served. */
export function isServed(scope: ServedScope | undefined, place: Placed): boolean {
  if (scope === undefined) return true;
  return (
    place.organisation === scope.organisation &&
    place.application === scope.application &&
    (scope.domain === undefined || place.domain === scope.domain)
  );
}

/** What is served and, over any number of references, what that leads to: its rules count too. */
export function neededRows(
  rows: readonly RevisionRow[],
  scope: ServedScope | undefined,
): readonly RevisionRow[] {
  if (scope === undefined) return rows;
  const byPath = new Map(
    rows.map((row) => [schemaPath({ ...row, version: row.spec.version }), row] as const),
  );
  const needed = new Set(rows.filter((row) => isServed(scope, row)));
  // A set that grows while it is walked: each row is visited once.
  for (const { spec } of needed) {
    for (const { ref } of spec.fields) {
      const target = ref === undefined ? undefined : byPath.get(referencePath(ref));
      if (target !== undefined) needed.add(target);
    }
  }
  return rows.filter((row) => needed.has(row));
}
