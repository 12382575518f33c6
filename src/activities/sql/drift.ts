import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import type { DriftItem, ShapePart } from '../../schema/compare-shapes.ts';
import type { Transaction } from '../../store/pool.ts';

/** Where a page ended: the next begins behind it. */
export interface SchemaPlace {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
}

/** An active revision with what its comparison needs to know beside the catalogue. */
export interface ComparedRevision extends ActiveRevision {
  readonly version: string;
  readonly frozen: boolean;
  /** A change is under way: its table is between two revisions. */
  readonly changing: boolean;
  readonly referred: boolean;
  /** Roles of other domains whose schemas refer to it. */
  readonly needed: readonly string[];
  /** The shape that was made of its model, and of which model. */
  readonly madeBy: string | null;
  readonly shape: readonly ShapePart[] | null;
  /** What the last comparison found. */
  readonly found: readonly DriftItem[] | null;
}

const columns = `
  d.organisation, d.application, d.domain, r.namespace, r.name, r.version, r.revision, r.spec,
  r.pg_namespace as "pgNamespace", r.pg_table as "pgTable", d.pg_role as "pgRole",
  jsonb_strip_nulls(jsonb_build_object(
    'defaultRole', d.default_role, 'adminRole', d.admin_role, 'diagnosticsRole', d.diagnostics_role)) as access,
  r.generation, r.plan_hash as "planHash",
  exists (select from platform.schema_freezes f where f.namespace = r.namespace and f.name = r.name) as frozen,
  exists (select from platform.schema_plans p
           where p.namespace = r.namespace and p.name = r.name and p.state = 'applying')
    or exists (select from platform.version_migrations m
                where m.namespace = r.namespace and m.name = r.name
                  and m.state in ('copying', 'inStep', 'undoing')) as changing,
  (select jsonb_build_object('state', v.state, 'successor', v.successor)
     from platform.schema_versions v
    where (v.namespace, v.name, v.version) = (r.namespace, r.name, r.version)) as standing,
  exists (select from platform.schema_references f
           where f.target_namespace = r.pg_namespace and f.target_table = r.pg_table) as referred,
  array(select distinct o.pg_role from platform.schema_references f
          join platform.domains o on o.pg_namespace = f.source_namespace
         where f.target_namespace = r.pg_namespace and f.target_table = r.pg_table
           and f.source_namespace <> r.pg_namespace order by o.pg_role) as needed,
  s.made_by as "madeBy", s.shape, c.items as found`;

const tables = `
  platform.schema_revisions r
  join platform.domains d using (namespace)
  left join platform.schema_shapes s on (s.namespace, s.name, s.version) = (r.namespace, r.name, r.version)
  left join platform.schema_drift c on (c.namespace, c.name, c.version) = (r.namespace, r.name, r.version)`;

/** Active revisions behind `after`, in a stable order. */
export async function findComparedPage(
  tx: Transaction,
  { after, size }: { readonly after: SchemaPlace | undefined; readonly size: number },
): Promise<ComparedRevision[]> {
  const { rows } = await tx.query<ComparedRevision>({
    name: 'activities.compared-page',
    text: `
      select ${columns} from ${tables}
       where r.state = 'active' and (r.namespace, r.name, r.version) > ($1::text, $2::text, $3::text)
       order by r.namespace, r.name, r.version
       limit $4::integer`,
    values: [after?.namespace ?? '', after?.name ?? '', after?.version ?? '', size],
  });
  return rows;
}

/** The active revisions of one schema: more than one while two versions are served. */
export async function findCompared(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<ComparedRevision[]> {
  const { rows } = await tx.query<ComparedRevision>({
    name: 'activities.compared',
    text: `
      select ${columns} from ${tables}
       where r.state = 'active' and r.namespace = $1::text and r.name = $2::text
       order by r.version`,
    values: [key.namespace, key.name],
  });
  return rows;
}

/**
 * Roles of other domains that may have been let in by a reference that is gone, or is being made. Asked
 * only where a right is found that no reference of now explains.
 */
export async function findFormerReaders(
  tx: Transaction,
  { organisation, application, domain, name, namespace }: ActiveRevision,
): Promise<string[]> {
  const ref = { org: organisation, app: application, domain, object: name };
  const { rows } = await tx.query<{ role: string }>({
    name: 'activities.former-readers',
    text: `
      select d.pg_role as role from platform.domains d
       where d.namespace <> $1::text
         and (exists (select from platform.schema_revisions r where r.namespace = d.namespace and r.spec @> $2::jsonb)
           or exists (select from platform.schema_plans p where p.namespace = d.namespace and p.state = 'applying'))
       order by d.pg_role`,
    values: [namespace, JSON.stringify({ fields: [{ ref }] })],
  });
  return rows.map(({ role }) => role);
}

export async function putShape(
  tx: Transaction,
  { namespace, name, version }: SchemaPlace,
  { madeBy, shape }: { readonly madeBy: string; readonly shape: readonly ShapePart[] },
): Promise<void> {
  await tx.query({
    name: 'activities.put-shape',
    text: `
      insert into platform.schema_shapes (namespace, name, version, made_by, shape)
      values ($1::text, $2::text, $3::text, $4::text, $5::jsonb)
          on conflict (namespace, name, version) do update set made_by = excluded.made_by, shape = excluded.shape`,
    values: [namespace, name, version, madeBy, JSON.stringify(shape)],
  });
}

/** `since` stays for as long as something is different, whatever it is. */
export async function putDrift(
  tx: Transaction,
  { namespace, name, version, revision }: SchemaPlace & { readonly revision: number },
  items: readonly DriftItem[],
): Promise<void> {
  await tx.query({
    name: 'activities.put-drift',
    text: `
      insert into platform.schema_drift (namespace, name, version, revision, items, since)
      values ($1::text, $2::text, $3::text, $4::integer, $5::jsonb,
              case when $5::jsonb <> '[]' then clock_timestamp() end)
          on conflict (namespace, name, version) do update
         set revision = excluded.revision, items = excluded.items, checked_at = clock_timestamp(),
             since = case when excluded.items <> '[]' then coalesce(schema_drift.since, clock_timestamp()) end`,
    values: [namespace, name, version, revision, JSON.stringify(items)],
  });
}

/** Compared just now, and as it was. */
export async function touchDrift(tx: Transaction, places: readonly SchemaPlace[]): Promise<void> {
  await tx.query({
    name: 'activities.touch-drift',
    text: `
      update platform.schema_drift c set checked_at = clock_timestamp()
        from unnest($1::text[], $2::text[], $3::text[]) as w (namespace, name, version)
       where (c.namespace, c.name, c.version) = (w.namespace, w.name, w.version)`,
    values: [
      places.map(({ namespace }) => namespace),
      places.map(({ name }) => name),
      places.map(({ version }) => version),
    ],
  });
}

/** What was found of versions that nobody serves any more. */
export async function forgetOldVersions(tx: Transaction): Promise<void> {
  for (const table of ['schema_drift', 'schema_shapes']) {
    await tx.query({
      text: `
        delete from platform.${table} c
         where not exists (select from platform.schema_revisions r
                            where (r.namespace, r.name, r.version) = (c.namespace, c.name, c.version) and r.state = 'active')`,
    });
  }
}

/** Nothing of a schema that is gone stays to be compared, repaired or frozen. */
export async function forgetDrift(
  tx: Transaction,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<void> {
  for (const table of ['schema_shapes', 'schema_drift', 'schema_repairs', 'schema_freezes']) {
    await tx.query({
      text: `delete from platform.${table} where namespace = $1::text and name = $2::text`,
      values: [namespace, name],
    });
  }
}
