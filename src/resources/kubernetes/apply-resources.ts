import { isDeepStrictEqual } from 'node:util';
import type { Kind, Resource } from '../../contract/kinds.ts';
import {
  approveBreakingAnnotation,
  approvedByAnnotation,
  finalizer,
  requestedByAnnotation,
} from '../../contract/names.ts';
import { withGrantor } from '../admission/granted-by.ts';
import { formatStamp } from '../admission/stamps.ts';
import { createAdmissionView } from '../admission/view.ts';
import { deletionWarning, finalizersOf, keyOf, refuseStale } from '../apply-rules.ts';
import {
  admitManifestSet,
  describeResource,
  refuseProblems,
  validateManifestSet,
} from '../manifest-set.ts';
import type { ReachableHosts } from '../outbound/reachable-hosts.ts';
import type { ApplyOptions, ApplyResult, ManifestSetProblem } from '../store.ts';
import type { FindVersions } from './admission-view.ts';
import { loadViewContents } from './admission-view.ts';
import type { KubernetesClient } from './client.ts';
import { patchTypes } from './client.ts';
import { eachBounded } from './each-bounded.ts';
import { ensureNamespace, hasNamespace } from './ensure-namespace.ts';
import type { ResourceObject } from './resource-object.ts';
import { objectPath, toResource } from './resource-object.ts';
import { refusedFields } from './store-error.ts';

/** Everything that Velocity applies belongs to this one manager, whoever asked for it. */
export const fieldManager = 'velocity';

/** Requests of one set under way at a time. */
const concurrency = 8;

/** What others refer to is written first; kinds that are not named come last. */
const order: readonly Kind[] = [
  'Organisation',
  'Application',
  'Domain',
  'AuthStrategy',
  'ArchivePolicy',
  'SchemaDefinition',
];

export interface ApplyDeps {
  readonly client: KubernetesClient;
  readonly findVersions: FindVersions;
  readonly reachable: ReachableHosts;
}

/** One manifest and what it is about to change. */
interface Wanted {
  readonly candidate: Resource;
  readonly stored: ResourceObject | undefined;
  readonly before: Resource | undefined;
  /** The API server can be asked about it. */
  readonly namespaceThere: boolean;
}

interface Change extends Wanted {
  /** As it would be stored, or has been. */
  readonly after: Resource;
}

/**
 * Validates, admits and writes a set. Kubernetes has no transactions: everything that can refuse is
 * asked before the first write, by a dry run of each manifest on the API server too; what fails after
 * that leaves the set half written, and applying it again completes it.
 */
export async function applyResources(
  deps: ApplyDeps,
  manifests: readonly unknown[],
  options: ApplyOptions & { readonly proceed: () => void },
): Promise<ApplyResult[]> {
  const { client } = deps;
  const given = validateManifestSet(manifests);
  const namespaces = await findNamespaces(client, given);
  const wanted = await eachBounded(given, concurrency, (candidate) =>
    findStored(client, candidate, { ...options, namespaces }),
  );
  const candidates = wanted.map(({ candidate }) => candidate);
  const stored = wanted.flatMap(({ before }) => before ?? []);
  const { reachable } = deps;
  const contents = { ...(await loadViewContents({ ...deps, candidates, stored })), reachable };
  const warnings = admitManifestSet(candidates, createAdmissionView({ ...contents, candidates }));

  const changes = await tryAll(client, wanted);
  const merged = changes.map(({ after }) => after);
  // Fields of other managers stay, and the rules hold for the whole.
  if (changes.some(isForeign)) {
    admitManifestSet(merged, createAdmissionView({ ...contents, candidates: merged }));
  }

  const written = options.dryRun === true ? changes : await writeAll(client, changes, options);
  return written.map((change, i) => ({
    outcome: outcomeOf(change.before, change.after),
    resource: change.after,
    warnings: [...warnings[i]!, ...foreignWarning(change), ...deletionWarning(change.before)],
  }));
}

async function findNamespaces(
  client: KubernetesClient,
  candidates: readonly Resource[],
): Promise<ReadonlySet<string>> {
  const wanted = [...new Set(candidates.map(({ metadata }) => metadata.namespace))];
  const found = await eachBounded(wanted, concurrency, (name) => hasNamespace(client, name));
  return new Set(wanted.filter((_name, i) => found[i]));
}

async function findStored(
  client: KubernetesClient,
  candidate: Resource,
  options: ApplyOptions & { readonly namespaces: ReadonlySet<string> },
): Promise<Wanted> {
  const namespaceThere = options.namespaces.has(candidate.metadata.namespace);
  const path = objectPath(keyOf(candidate));
  const stored = namespaceThere
    ? await client.find<ResourceObject>({ method: 'GET', path })
    : undefined;
  const before = stored && toResource(candidate.kind, stored);
  refuseStale(candidate, before, options);
  const granted = withGrantor(candidate, before, options.actor);
  return { candidate: granted, stored, before, namespaceThere };
}

/** What the API server says to each, without keeping it. Throws with everything that it refuses. */
async function tryAll(client: KubernetesClient, wanted: readonly Wanted[]): Promise<Change[]> {
  const problems: ManifestSetProblem[] = [];
  const tried = await eachBounded([...wanted.entries()], concurrency, async ([manifest, want]) => {
    try {
      return { ...want, after: await tryOne(client, want) };
    } catch (error) {
      const refused = refusedFields(error);
      if (refused === undefined) throw error;
      const resource = describeResource(want.candidate);
      problems.push(...refused.map((problem) => ({ ...problem, manifest, resource })));
      return undefined;
    }
  });
  refuseProblems(wanted.length, problems);
  return tried.flatMap((change) => change ?? []);
}

async function tryOne(client: KubernetesClient, wanted: Wanted): Promise<Resource> {
  const { candidate, stored, namespaceThere } = wanted;
  if (!namespaceThere) {
    return { ...candidate, metadata: { ...candidate.metadata, generation: 1 } };
  }
  return send(client, { candidate, stored, stamps: storedStamps(stored), dryRun: true });
}

/** Kind after kind, so that what is referred to is there before what refers to it. */
async function writeAll(
  client: KubernetesClient,
  changes: readonly Change[],
  { actor = '', proceed }: ApplyOptions & { readonly proceed: () => void },
): Promise<readonly Change[]> {
  const missing = changes.filter(({ namespaceThere }) => !namespaceThere);
  const namespaces = new Set(missing.map(({ candidate }) => candidate.metadata.namespace));
  for (const namespace of namespaces) await ensureNamespace(client, namespace);
  const written = new Map<Change, Change>();
  for (const rank of [...order.keys(), -1]) {
    const ofRank = changes.filter(({ candidate }) => order.indexOf(candidate.kind) === rank);
    await eachBounded(ofRank, concurrency, async (change) => {
      proceed();
      written.set(change, await write(client, change, actor));
    });
  }
  return changes.map((change) => written.get(change)!);
}

async function write(client: KubernetesClient, change: Change, actor: string): Promise<Change> {
  const { candidate, stored, before, after } = change;
  if (outcomeOf(before, after) === 'unchanged') return change;
  const generation = after.metadata.generation ?? 1;
  const plan = candidate.metadata.annotations?.[approveBreakingAnnotation];
  const known = stored?.metadata.annotations?.[approveBreakingAnnotation];
  const stamps = {
    ...storedStamps(stored),
    ...(generation !== stored?.metadata.generation && {
      [requestedByAnnotation]: formatStamp(actor, generation),
    }),
    ...(plan !== known && {
      [approvedByAnnotation]: plan === undefined ? undefined : formatStamp(actor, plan),
    }),
  };
  return { ...change, after: await send(client, { candidate, stored, stamps, dryRun: false }) };
}

type StampAnnotations = Readonly<Record<string, string | undefined>>;

/** Who is named at present: whom this apply does not concern stays. */
function storedStamps(stored: ResourceObject | undefined): StampAnnotations {
  const { [requestedByAnnotation]: requester, [approvedByAnnotation]: approver } =
    stored?.metadata.annotations ?? {};
  return { [requestedByAnnotation]: requester, [approvedByAnnotation]: approver };
}

async function send(
  client: KubernetesClient,
  options: {
    candidate: Resource;
    stored: ResourceObject | undefined;
    stamps: StampAnnotations;
    dryRun: boolean;
  },
): Promise<Resource> {
  const { candidate, stored, dryRun } = options;
  const applied = await client.request<ResourceObject>({
    method: 'PATCH',
    path: objectPath(keyOf(candidate)),
    contentType: patchTypes.apply,
    query: {
      ...{ fieldManager, force: true, fieldValidation: 'Strict' },
      dryRun: dryRun ? 'All' : undefined,
    },
    body: applyConfiguration(candidate, stored, options.stamps),
  });
  return toResource(candidate.kind, applied);
}

/**
 * The manifest says what labels, annotations and spec are; everything else is the platform's. The uid
 * keeps an apply from bringing back what was removed a moment ago.
 */
function applyConfiguration(
  { apiVersion, kind, metadata, spec }: Resource,
  stored: ResourceObject | undefined,
  stamps: StampAnnotations,
) {
  const { name, namespace, labels, annotations, resourceVersion } = metadata;
  const finalizers = stored === undefined ? newFinalizers(metadata, kind) : heldBy(stored);
  return {
    ...{ apiVersion, kind, spec },
    metadata: {
      ...{ name, namespace, labels, finalizers },
      annotations: { ...annotations, ...stamps },
      ...(stored !== undefined && { uid: stored.metadata.uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
}

function newFinalizers({ finalizers = [] }: Resource['metadata'], kind: Kind): string[] {
  return [...new Set([...finalizers, ...finalizersOf({ kind } as Resource)])];
}

/** Ours, as long as it is there: an apply that left it out would take it away. */
function heldBy({ metadata }: ResourceObject): string[] {
  return (metadata.finalizers ?? []).filter((name) => name === finalizer);
}

function outcomeOf(before: Resource | undefined, after: Resource): ApplyResult['outcome'] {
  if (before === undefined) return 'created';
  const parts = ({ spec, metadata: { generation, labels, annotations } }: Resource) => [
    ...[generation, spec, labels, annotations],
  ];
  return isDeepStrictEqual(parts(before), parts(after)) ? 'unchanged' : 'configured';
}

/** What another manager set stays, although the manifest does not have it. */
function isForeign({ candidate, after }: Change): boolean {
  return !isDeepStrictEqual(asJson(candidate.spec), after.spec);
}

function foreignWarning(change: Change): string[] {
  if (!isForeign(change)) return [];
  return [
    `${describeResource(change.candidate)} keeps fields that others have set (kubectl, for one); they are the ones to remove them.`,
  ];
}

/** As it will read back: without undefined members, -0 or other things JSON does not have. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
