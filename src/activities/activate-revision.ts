import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { concludeReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { gone } from './find-resource.ts';
import { gatherSchema } from './gather-schema.ts';
import { findActiveRevisions, insertRevision, lockRevisions } from './sql/active-revisions.ts';
import { replaceReferences } from './sql/schema-references.ts';

export interface Activation {
  readonly ref: ResourceRef;
  /** The spec that the database has been brought to. */
  readonly generation: number;
  readonly planHash: string;
}

const changedMeanwhile: Outcome = {
  phase: 'Provisioning',
  reason: 'SpecChanged',
  message: 'the spec has changed meanwhile; it is planned again',
};

/**
 * Serves the new revision from now on: revision and references change in one transaction, so that
 * nobody ever sees half of it. A revision that is active already stays the only one.
 */
export async function activateRevision(
  deps: ActivityDeps,
  { ref, generation, planHash }: Activation,
): Promise<Outcome> {
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return gone;
  const { schema, domain, plan } = gathered;
  if (schema.metadata.generation !== generation) return changedMeanwhile;

  const { pgNamespace } = domain;
  const { pgTable } = plan;
  const revision = await deps.pool.transaction(async (tx) => {
    await lockRevisions(tx, ref);
    const [active] = await findActiveRevisions(tx, [ref]);
    if (active?.generation === generation) return active.revision;
    const { spec } = schema;
    const { namespace, name } = ref;
    const { version } = spec;
    const place = { pgNamespace, pgTable };
    await replaceReferences(tx, place, plan.references);
    return insertRevision(tx, { namespace, name, version, generation, spec, planHash, ...place });
  });

  return concludeReady(deps, schema, {
    reason: 'Served',
    message: `revision ${revision} is served`,
    fields: {
      activeRevision: revision,
      pgTable: `${pgNamespace}.${pgTable}`,
      provisionedAt: schema.status?.provisionedAt ?? deps.now().toISOString(),
    },
  });
}
