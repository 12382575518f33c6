import type { DriftItem } from '../../schema/compare-shapes.ts';
import type { Transaction } from '../../store/pool.ts';

/** What the last comparison of one version of a schema found. */
export interface FoundDrift {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** The active revision that the catalogue was held against. */
  readonly revision: number;
  readonly items: readonly DriftItem[];
  /** RFC 3339; null: nothing differs. */
  readonly since: string | null;
  readonly checkedAt: string;
}

/** Schemas that a list of drift names; whoever has more of it reads them one by one. */
const driftedMax = 1_000;

const columns = `namespace, name, version, revision, items, since, checked_at as "checkedAt"`;

export async function findDrift(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<FoundDrift[]> {
  const { rows } = await tx.query<FoundDrift>({
    name: 'drift.find',
    text: `
      select ${columns} from platform.schema_drift
       where namespace = $1::text and name = $2::text order by version`,
    values: [key.namespace, key.name],
  });
  return rows;
}

/** All that differs in these namespaces, by namespace and name; undefined: in all there are. */
export async function listDrift(
  tx: Transaction,
  namespaces: readonly string[] | undefined,
): Promise<FoundDrift[]> {
  const { rows } = await tx.query<FoundDrift>({
    name: 'drift.list',
    text: `
      select ${columns} from platform.schema_drift
       where since is not null and ($1::text[] is null or namespace = any ($1::text[]))
       order by namespace, name, version limit ${driftedMax}`,
    values: [namespaces ?? null],
  });
  return rows;
}

export interface DriftFigures {
  /** Schemas by what differs in them: kinds of parts, of which there are some twenty. */
  readonly byKind: readonly { readonly kind: string; readonly schemas: number }[];
  /** Schemas whose triggers differ: their writes may leave no history. */
  readonly unguarded: number;
  /** Since the comparison that is longest ago; null: there is nothing to compare. */
  readonly ageSeconds: number | null;
}

export async function measureDrift(tx: Transaction): Promise<DriftFigures> {
  const { rows } = await tx.query<DriftFigures>({
    name: 'drift.measure',
    text: `
      with part as (
        select distinct d.namespace, d.name, i.item ->> 'kind' as kind
          from platform.schema_drift d cross join lateral jsonb_array_elements(d.items) as i (item)
         where d.since is not null
      ), counted as (
        select kind, count(*)::integer as schemas from part group by kind order by kind limit 50
      )
      select coalesce((select jsonb_agg(jsonb_build_object('kind', kind, 'schemas', schemas) order by kind) from counted), '[]') as "byKind",
             (select count(distinct (namespace, name))::integer from part where kind in ('trigger', 'rule', 'history function')) as unguarded,
             (select extract(epoch from clock_timestamp() - min(checked_at))::float8 from platform.schema_drift) as "ageSeconds"`,
  });
  return rows[0] ?? { byKind: [], unguarded: 0, ageSeconds: null };
}
