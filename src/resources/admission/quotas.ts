import type {
  Application,
  Organisation,
  ResourceQuotas,
  SchemaDefinition,
} from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
import { domainOf, identifyDomain, organisationOf } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/** Counts stop growth only: what exists already may be changed although a quota was lowered. */
export function* applicationQuota(
  application: Application,
  view: AdmissionView,
): Iterable<Finding> {
  if (view.findStored<'Application'>(application) !== undefined) return;
  const { org } = application.spec;
  const max = view.find('Organisation', org, org)?.spec.resourceQuotas?.maxApplications;
  const count = view.list('Application', org).length;
  if (max === undefined || count <= max) return;
  const message = `Organisation "${org}" would have ${count} applications; its quota is ${max}.`;
  const hint = 'Delete an application or raise maxApplications of the organisation.';
  yield refuse(at('metadata', 'name'), 'quota', message, hint);
}

/** What records take is bounded where tenants share the organisation; elsewhere it is only told. */
export function* unboundedRecords(
  { kind, metadata, spec }: Organisation | Application,
  view: AdmissionView,
): Iterable<Finding> {
  const { maxRecordsPerSchema, maxStorageGb } = spec.resourceQuotas ?? {};
  if (maxRecordsPerSchema === undefined && maxStorageGb === undefined) return;
  const org = 'org' in spec ? spec.org : metadata.name;
  if (view.find('Organisation', org, org)?.spec.tenancyMode === 'multi-tenant') return;
  yield warn(
    `${kind} "${metadata.name}" bounds records or storage, which counts only where its organisation has tenancyMode: multi-tenant.`,
  );
}

interface Quota {
  /** `organisation "acme"`: whose quota it is. */
  readonly owner: string;
  readonly quotas: ResourceQuotas;
  /** Namespaces whose schemas count together. */
  readonly namespaces: readonly string[];
}

export function* schemaQuotas(schema: SchemaDefinition, view: AdmissionView): Iterable<Finding> {
  for (const quota of quotasOf(schema, view)) {
    yield* schemaCount(schema, quota, view);
    yield* fieldCount(schema, quota);
    yield* versionCount(schema, quota, view);
  }
}

function* schemaCount(
  schema: SchemaDefinition,
  { owner, quotas, namespaces }: Quota,
  view: AdmissionView,
): Iterable<Finding> {
  if (quotas.maxSchemas === undefined || view.findStored<'SchemaDefinition'>(schema) !== undefined)
    return;
  const count = namespaces.reduce((sum, namespace) => sum + view.countSchemas(namespace), 0);
  if (count <= quotas.maxSchemas) return;
  const message = `${owner} would have ${count} schemas; its quota is ${quotas.maxSchemas}.`;
  const hint = 'Delete a schema or raise maxSchemas.';
  yield refuse(at('metadata', 'name'), 'quota', message, hint);
}

function* fieldCount({ spec }: SchemaDefinition, { owner, quotas }: Quota): Iterable<Finding> {
  const max = quotas.maxFieldsPerSchema;
  if (max === undefined || spec.fields.length <= max) return;
  const message = `The schema has ${spec.fields.length} fields; the quota of ${owner} is ${max}.`;
  yield refuse(
    at('spec', 'fields'),
    'quota',
    message,
    'Remove fields or raise maxFieldsPerSchema.',
  );
}

function* versionCount(
  { metadata, spec }: SchemaDefinition,
  { owner, quotas }: Quota,
  view: AdmissionView,
): Iterable<Finding> {
  const max = quotas.maxVersionsPerSchema;
  if (max === undefined) return;
  const versions = new Set(view.versionsOf(metadata.namespace, metadata.name));
  if (versions.has(spec.version) || versions.size + 1 <= max) return;
  const message = `The schema would have ${versions.size + 1} versions; the quota of ${owner} is ${max}.`;
  const hint = 'Retire a version or raise maxVersionsPerSchema.';
  yield refuse(at('spec', 'version'), 'quota', message, hint);
}

/** The quotas that a schema counts against: its application's and its organisation's. */
function quotasOf({ metadata }: SchemaDefinition, view: AdmissionView): Quota[] {
  const domain = domainOf(metadata.namespace, view);
  const organisation = organisationOf(metadata.namespace, view);
  if (domain === undefined || organisation === undefined) return [];
  const siblings = view
    .list('Domain')
    .filter((other) => identifyDomain(other)?.organisation === organisation);
  const app = domain.spec.app;
  return [
    {
      owner: `Application "${app}"`,
      quotas: view.find('Application', organisation, app)?.spec.resourceQuotas ?? {},
      namespaces: siblings
        .filter((other) => other.spec.app === app)
        .map((other) => other.metadata.namespace),
    },
    {
      owner: `Organisation "${organisation}"`,
      quotas: view.find('Organisation', organisation, organisation)?.spec.resourceQuotas ?? {},
      namespaces: siblings.map((other) => other.metadata.namespace),
    },
  ];
}
