import type { Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

/** A resource as it shall be stored; the caller holds the apply lock and decided the generation. */
export interface ResourceWrite {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly spec: unknown;
}

/** Inserts or replaces them all; status, uid and times of existing ones stay. */
export async function writeResources(
  tx: Transaction,
  writes: readonly ResourceWrite[],
): Promise<Resource[]> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.write',
    text: `
      insert into platform.resources
             (kind, namespace, name, generation, labels, annotations, finalizers, spec)
      select kind, namespace, name, generation, labels, annotations, finalizers, spec
        from jsonb_to_recordset($1::jsonb) as w (
               kind text, namespace text, name text, generation bigint,
               labels jsonb, annotations jsonb, finalizers text[], spec jsonb)
          on conflict (kind, namespace, name) do update
         set generation = excluded.generation,
             resource_version = nextval('platform.resource_version_seq'),
             labels = excluded.labels,
             annotations = excluded.annotations,
             finalizers = excluded.finalizers,
             spec = excluded.spec
      returning ${resourceColumns}`,
    values: [JSON.stringify(writes)],
  });
  return rows.map(toResource);
}
