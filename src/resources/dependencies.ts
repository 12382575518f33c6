import type { Kind, Resource } from '../contract/kinds.ts';
import { identifyDomain } from './admission/tenancy.ts';
import { findReferenceCycle } from './reference-cycle.ts';
import type { ResourceStore } from './store.ts';

/** A resource that another one cannot do without. A domain is found by its namespace alone. */
export interface Dependency {
  readonly role: 'parent' | 'reference';
  readonly kind: Kind;
  readonly namespace: string;
  /** Undefined: whichever resource of the kind the namespace has. */
  readonly name: string | undefined;
  /** The API version that a reference to a schema wants. */
  readonly version?: string;
  /** Whether it must be provisioned too, or only be there. */
  readonly provisioned: boolean;
}

export interface Obstacle {
  readonly reason:
    | 'ParentMissing'
    | 'ParentNotReady'
    | 'ReferenceCycle'
    | 'ReferenceMissing'
    | 'ReferenceNotReady';
  /** Names what is waited for, and what would help. */
  readonly message: string;
}

/** What a resource waits for, nearest first: its parent, then what its spec refers to. */
export function dependenciesOf(resource: Resource): Dependency[] {
  const { namespace } = resource.metadata;
  switch (resource.kind) {
    case 'Organisation':
      return [];
    case 'Application':
      return [parent('Organisation', resource.spec.org, resource.spec.org)];
    case 'Domain':
      // Admission has checked that the namespace ends as the domain's own names say.
      return [
        parent('Application', identifyDomain(resource)?.organisation ?? '', resource.spec.app),
      ];
    case 'SchemaDefinition':
      return [parent('Domain', namespace, undefined), ...referencesOfSchema(resource)];
    default:
      return [parent('Domain', namespace, undefined)];
  }
}

function parent(kind: Kind, namespace: string, name: string | undefined): Dependency {
  return { role: 'parent', kind, namespace, name, provisioned: true };
}

function referencesOfSchema(schema: Extract<Resource, { kind: 'SchemaDefinition' }>): Dependency[] {
  const strategies = [schema.spec.auth, ...(schema.spec.auth.overrides ?? [])];
  const policy = schema.spec.archive?.policyRef;
  return [
    ...strategies.map(({ strategyRef }) => existing('AuthStrategy', strategyRef)),
    ...(policy === undefined ? [] : [existing('ArchivePolicy', policy)]),
    ...schema.spec.fields.flatMap(({ ref }): Dependency[] => {
      if (ref === undefined) return [];
      const namespace = `${ref.org}-${ref.app}-${ref.domain}`;
      const own = namespace === schema.metadata.namespace && ref.object === schema.metadata.name;
      if (own) return [];
      const { object: name, version } = ref;
      const kind = 'SchemaDefinition';
      return [{ role: 'reference', kind, namespace, name, version, provisioned: true }];
    }),
  ];
}

function existing(kind: Kind, ref: { name: string; namespace: string }): Dependency {
  const { namespace, name } = ref;
  return { role: 'reference', kind, namespace, name, provisioned: false };
}

/** The first dependency that does not hold, as a sentence; undefined when all do. */
export async function findObstacle(
  store: ResourceStore,
  resource: Resource,
  dependencies: readonly Dependency[] = dependenciesOf(resource),
): Promise<Obstacle | undefined> {
  for (const dependency of dependencies) {
    const found = await findDependency(store, dependency);
    const obstacle = judgeDependency(dependency, found);
    if (obstacle?.reason !== 'ReferenceNotReady') {
      if (obstacle !== undefined) return obstacle;
      continue;
    }
    const cycle = await findReferenceCycle(store, resource, dependenciesOf);
    return cycle === undefined ? obstacle : { reason: 'ReferenceCycle', message: brokenBy(cycle) };
  }
  return undefined;
}

function brokenBy(cycle: readonly string[]): string {
  const [first] = cycle;
  return `${cycle.join(' → ')}: each waits for the next to be served. Apply one without its reference (${first}, say), and add the reference once all are Ready`;
}

async function findDependency(
  store: ResourceStore,
  { kind, namespace, name }: Dependency,
): Promise<Resource | undefined> {
  if (name !== undefined) return store.find({ kind, namespace, name });
  const [first] = await store.list({ kind, namespace });
  return first;
}

export function judgeDependency(
  dependency: Dependency,
  found: Resource | undefined,
): Obstacle | undefined {
  const what = describeDependency(dependency);
  const whose = dependency.role === 'parent' ? 'Parent' : 'Reference';
  const gone = found === undefined || found.metadata.deletionTimestamp !== undefined;
  if (gone) {
    const message =
      found === undefined
        ? `${what} does not exist; apply it and this continues by itself`
        : `${what} is being deleted`;
    return { reason: `${whose}Missing`, message };
  }
  if (dependency.version !== undefined && found.kind === 'SchemaDefinition') {
    const versions = [found.spec, ...(found.status?.versions ?? [])].map(({ version }) => version);
    if (!versions.includes(dependency.version)) {
      const message = `${what} has no version ${dependency.version}; it has ${[...new Set(versions)].join(', ')}`;
      return { reason: 'ReferenceMissing', message };
    }
  }
  if (!dependency.provisioned || isProvisioned(found)) return undefined;
  return { reason: `${whose}NotReady`, message: `${what} is not ready yet` };
}

/**
 * Something to build upon is there, be it of an older spec: a schema that serves its last revision
 * still has the table that a reference needs.
 */
function isProvisioned(resource: Resource): boolean {
  if (resource.kind === 'SchemaDefinition') return resource.status?.activeRevision !== undefined;
  return resource.status?.phase === 'Ready';
}

function describeDependency({ kind, namespace, name }: Dependency): string {
  return name === undefined
    ? `the ${kind} of namespace ${namespace}`
    : `${kind} ${name} in namespace ${namespace}`;
}
