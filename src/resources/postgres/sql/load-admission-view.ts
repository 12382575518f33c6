import type { Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ViewContents } from '../../admission/view.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

/** Far above any installation; beyond it admission would guess, so the apply fails instead. */
const rowsMax = 100_000;

/**
 * The tree of every organisation, and of the given namespaces what specs refer to. Schemas come without
 * their status, which no rule looks at: a plan's SQL is ten times the size of a spec.
 */
export async function loadReferred(
  tx: Transaction,
  namespaces: readonly string[],
): Promise<Resource[]> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.load-referred',
    text: `
      select ${resourceColumns}
        from (select r.kind, r.namespace, r.name, r.uid, r.generation, r.resource_version, r.labels, r.annotations,
                     r.finalizers, r.spec, r.created_at, r.deletion_timestamp,
                     case when r.kind = 'SchemaDefinition' then '{}'::jsonb else r.status end as status
                from platform.resources r) as resources
       where kind in ('Organisation', 'Application', 'Domain')
          or (kind in ('SchemaDefinition', 'AuthStrategy', 'ArchivePolicy')
              and namespace = any ($1::text[]))
       order by kind, namespace, name
       limit ${rowsMax + 1}`,
    values: [namespaces],
  });
  return bounded(rows).map(toResource);
}

/** Every schema's key, for quotas that count over namespaces. */
export async function loadSchemaKeys(
  tx: Transaction,
): Promise<NonNullable<ViewContents['schemaKeys']>> {
  const { rows } = await tx.query<{ namespace: string; name: string }>({
    name: 'resources.load-schema-keys',
    text: `
      select namespace, name
        from platform.resources
       where kind = 'SchemaDefinition'
       order by namespace, name
       limit ${rowsMax + 1}`,
  });
  return bounded(rows);
}

/** API versions that have a table, of the schemas in these namespaces. */
export async function loadVersions(
  tx: Transaction,
  namespaces: readonly string[],
): Promise<NonNullable<ViewContents['versions']>> {
  const { rows } = await tx.query<{ namespace: string; name: string; version: string }>({
    name: 'resources.load-versions',
    text: `
      select namespace, name, version
        from platform.schema_revisions
       where namespace = any ($1::text[]) and state = 'active'
       order by namespace, name, version
       limit ${rowsMax + 1}`,
    values: [namespaces],
  });
  return bounded(rows);
}

function bounded<T>(rows: T[]): T[] {
  if (rows.length > rowsMax) throw new Error(`more than ${rowsMax} resources for one admission`);
  return rows;
}
