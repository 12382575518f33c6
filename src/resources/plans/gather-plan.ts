import type { SchemaDefinition } from '../../contract/kinds.ts';
import { recordTableName, schemaPath } from '../../schema/compile.ts';
import type { SchemaPlan } from '../../schema/plan-schema.ts';
import { planSchema } from '../../schema/plan-schema.ts';
import { missingTargets } from '../../schema/schema-references.ts';
import { findLiveTable } from '../../store/catalogue.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ActiveRevision } from './sql/active-revisions.ts';
import { findActiveRevisions, findNextRevision } from './sql/active-revisions.ts';
import type { DomainRow } from './sql/find-domain.ts';
import { findDomain } from './sql/find-domain.ts';

export interface GatheredPlan {
  readonly domain: DomainRow;
  readonly active: ActiveRevision | undefined;
  /** Paths of schemas that it refers to and that are not served yet. */
  readonly missing: readonly string[];
  readonly plan: SchemaPlan;
}

/**
 * What is wanted, what is served and what is in the database, and the plan from the one to the
 * other. Only reads, and works as velocity_api too; undefined when the domain is not provisioned.
 */
export async function gatherPlan(
  tx: Transaction,
  schema: SchemaDefinition,
): Promise<GatheredPlan | undefined> {
  const { spec } = schema;
  const { namespace, name } = schema.metadata;
  const own = { namespace, name };
  const domain = await findDomain(tx, namespace);
  if (domain === undefined) return undefined;
  const pgTable = recordTableName(name, spec.version);
  const revisions = await findActiveRevisions(tx, [own, ...targetsOf(schema)]);
  const live = await findLiveTable(tx, domain.pgNamespace, pgTable);
  const revision = await findNextRevision(tx, own);
  const active = revisions.find((one) => one.namespace === namespace && one.name === name);
  const desired = { ...domain, name, spec };
  const targets = new Map(
    revisions.map((found) => [schemaPath({ ...found, version: found.spec.version }), found]),
  );
  return {
    domain,
    active,
    missing: missingTargets(desired, targets),
    plan: planSchema({ desired, active, live, revision, targets }),
  };
}

function targetsOf({ spec }: SchemaDefinition): { namespace: string; name: string }[] {
  return spec.fields.flatMap(({ ref }) =>
    ref === undefined
      ? []
      : [{ namespace: `${ref.org}-${ref.app}-${ref.domain}`, name: ref.object }],
  );
}
