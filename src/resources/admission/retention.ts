import type { ArchivePolicy, SchemaDefinition } from '../../contract/kinds.ts';
import { durationDays } from '../../schema/duration.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';
import type { AdmissionView } from './view.ts';

type Regulation = NonNullable<
  NonNullable<SchemaDefinition['spec']['audit']>['regulations']
>[number];

/** How long each regulation wants records and their history kept; GDPR names no minimum. */
const retentionMinima: Readonly<Record<Regulation, string | undefined>> = {
  SOX: '7y',
  HIPAA: '6y',
  'PCI-DSS': '1y',
  SOC2: '1y',
  GDPR: undefined,
};

interface Limit {
  readonly pointer: string;
  readonly what: string;
  readonly retention: string;
}

/** Nothing that the schema declares may end before its regulations allow. */
export function* regulationRetention(
  schema: SchemaDefinition,
  view: AdmissionView,
): Iterable<Finding> {
  const demand = strictestDemand(schema);
  if (demand === undefined) return;
  if (schema.spec.audit?.enabled === false) {
    const message = `${demand.regulation} wants an audit, but audit.enabled is false.`;
    const hint = 'Leave the audit on, or remove the regulation.';
    yield refuse(at('spec', 'audit', 'enabled'), 'retention', message, hint);
  }
  for (const limit of limitsOf(schema, view)) {
    if (durationDays(limit.retention)! >= durationDays(demand.minimum)!) continue;
    const message = `${limit.what} ends after ${limit.retention}; ${demand.regulation} demands ${demand.minimum}.`;
    yield refuse(limit.pointer, 'retention', message, `Keep it for at least ${demand.minimum}.`);
  }
}

/** The regulation of a schema that demands the most. */
function strictestDemand(schema: SchemaDefinition) {
  let strictest: { regulation: Regulation; minimum: string } | undefined;
  for (const regulation of schema.spec.audit?.regulations ?? []) {
    const minimum = retentionMinima[regulation];
    if (minimum === undefined) continue;
    if (strictest === undefined || durationDays(minimum)! > durationDays(strictest.minimum)!) {
      strictest = { regulation, minimum };
    }
  }
  return strictest;
}

function limitsOf(schema: SchemaDefinition, view: AdmissionView): Limit[] {
  const { archive, partitioning } = schema.spec;
  const limits = historyLimit(schema);
  if (partitioning?.retention !== undefined) {
    const pointer = at('spec', 'partitioning', 'retention');
    limits.push({ pointer, what: 'The table', retention: partitioning.retention });
  }
  if (archive?.policyRef !== undefined) {
    const { namespace, name } = archive.policyRef;
    const purgeAfter = view.find('ArchivePolicy', namespace, name)?.spec.purgeAfter;
    const pointer = at('spec', 'archive', 'policyRef', 'name');
    const what = `What archive policy "${name}" archives`;
    if (purgeAfter !== undefined) limits.push({ pointer, what, retention: purgeAfter });
  }
  return limits;
}

/** Each tier's retention counts from the change itself, so the longest is how long history lasts. */
function historyLimit({ spec }: SchemaDefinition): Limit[] {
  const storage = spec.timeMachine?.storage ?? {};
  let longest: Limit | undefined;
  for (const tier of ['hot', 'warm', 'cold'] as const) {
    if (storage[tier] === undefined) continue;
    const { retention } = storage[tier];
    // A tier without an end keeps everything.
    if (retention === undefined) return [];
    if (longest !== undefined && durationDays(longest.retention)! >= durationDays(retention)!)
      continue;
    const pointer = at('spec', 'timeMachine', 'storage', tier, 'retention');
    longest = { pointer, what: 'History', retention };
  }
  return longest === undefined ? [] : [longest];
}

/** The same, seen from the archive policy: which schemas that use it demand more. */
export function* archiveRetention(
  { metadata, spec }: ArchivePolicy,
  view: AdmissionView,
): Iterable<Finding> {
  if (spec.purgeAfter === undefined) return;
  for (const schema of view.list('SchemaDefinition')) {
    const ref = schema.spec.archive?.policyRef;
    if (ref?.name !== metadata.name || ref.namespace !== metadata.namespace) continue;
    const demand = strictestDemand(schema);
    if (demand === undefined) continue;
    if (durationDays(spec.purgeAfter)! >= durationDays(demand.minimum)!) continue;
    const message = `purgeAfter ${spec.purgeAfter} is too short for schema "${schema.metadata.name}": ${demand.regulation} demands ${demand.minimum}.`;
    const hint = `Keep archives for at least ${demand.minimum}, or give that schema another policy.`;
    yield refuse(at('spec', 'purgeAfter'), 'retention', message, hint);
  }
}
