import type { SchemaDefinition } from '../../contract/kinds.ts';
import { recordTableName, schemaPath } from '../../schema/compile.ts';
import type { SchemaPlan } from '../../schema/plan-schema.ts';
import { planSchema } from '../../schema/plan-schema.ts';
import { missingTargets, targetKeys } from '../../schema/schema-references.ts';
import { findLiveTable } from '../../store/catalogue.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ActiveRevision } from './sql/active-revisions.ts';
import { findActiveRevisions, findNextRevision } from './sql/active-revisions.ts';
import type { DomainRow } from './sql/find-domain.ts';
import { findDomain } from './sql/find-domain.ts';
import { findFreezes } from './sql/freezes.ts';
import { findReferrers } from './sql/referrers.ts';
import type { KnownVersion } from './sql/schema-versions.ts';
import { findKnownVersions } from './sql/schema-versions.ts';

export interface GatheredPlan {
  readonly domain: DomainRow;
  /** What is served of the wanted version. */
  readonly active: ActiveRevision | undefined;
  /** What is served of its other versions. */
  readonly beside: readonly ActiveRevision[];
  /** Paths of schemas that it refers to and that are not served yet. */
  readonly missing: readonly string[];
  readonly plan: SchemaPlan;
  /** By hand, whatever its spec says. */
  readonly frozen: boolean;
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
  const revisions = await findActiveRevisions(tx, [own, ...targetKeys(spec)]);
  const live = await findLiveTable(tx, domain.pgNamespace, pgTable);
  const revision = await findNextRevision(tx, own);
  const served = revisions.filter((one) => one.namespace === namespace && one.name === name);
  const active = served.find((one) => one.spec.version === spec.version);
  const known = await findKnownVersions(tx, own);
  const desired = { ...domain, name, spec };
  const targets = new Map(
    revisions
      .filter(isReferable)
      .map((found) => [schemaPath({ ...found, version: found.spec.version }), found]),
  );
  const frozen = (await findFreezes(tx, [own])).length > 0;
  const plan = planSchema({ desired, active, live, revision, targets, frozen });
  const refused =
    refusalOf(schema, known) ?? (await retirementRefusal(tx, schema, domain.pgNamespace, pgTable));
  return {
    domain,
    active,
    beside: served.filter((one) => one !== active),
    missing: missingTargets(desired, targets),
    frozen,
    plan: refused === undefined ? plan : { ...plan, steps: [], refused },
  };
}

/** A table that is still being filled may lose its records again: nothing new may hang on them. */
function isReferable({ standing }: ActiveRevision): boolean {
  return standing?.state !== 'receiving';
}

/** Versions go forward: what was left behind does not come back under its name. */
function refusalOf(
  { spec }: SchemaDefinition,
  known: readonly KnownVersion[],
): SchemaPlan['refused'] {
  const left = known.find(({ version }) => version === spec.version);
  if (left === undefined || left.state === 'receiving') return undefined;
  const message = `version ${left.version} was followed by ${left.successor ?? 'none'} and is not changed any more; put spec.version back`;
  return { reason: 'VersionSuperseded', message };
}

/** A version that others refer to stays for as long as they do. */
async function retirementRefusal(
  tx: Transaction,
  { spec }: SchemaDefinition,
  pgNamespace: string,
  pgTable: string,
): Promise<SchemaPlan['refused']> {
  if (spec.lifecycle?.stage !== 'retired') return undefined;
  const referrers = await findReferrers(tx, { pgNamespace, pgTable });
  if (referrers.length === 0) return undefined;
  const message = `${spec.version} cannot be retired while others refer to it: ${referrers.join(', ')}`;
  return { reason: 'Referenced', message };
}
