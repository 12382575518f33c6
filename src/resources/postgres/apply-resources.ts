import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';
import { withGrantor } from '../admission/granted-by.ts';
import type { AdmissionView } from '../admission/view.ts';
import { createAdmissionView } from '../admission/view.ts';
import {
  byKey,
  deletionWarning,
  finalizersOf,
  keyOf,
  namespacesOf,
  refuseStale,
} from '../apply-rules.ts';
import { admitManifestSet, keyText, validateManifestSet } from '../manifest-set.ts';
import type { ReachableHosts } from '../outbound/reachable-hosts.ts';
import type { ApplyOptions, ApplyResult } from '../store.ts';
import { loadReferred, loadSchemaKeys, loadVersions } from './sql/load-admission-view.ts';
import { lockApply, lockResources } from './sql/lock-resources.ts';
import type { ResourceWrite } from './sql/write-resources.ts';
import { writeResources } from './sql/write-resources.ts';

/** Validates, admits and writes a set. Everything that is wrong with it is thrown at once. */
export async function applyResources(
  tx: Transaction,
  manifests: readonly unknown[],
  options: ApplyOptions & { readonly reachable: ReachableHosts },
): Promise<ApplyResult[]> {
  const given = validateManifestSet(manifests);
  await lockApply(tx, options.actor);
  const stored = byKey(await lockResources(tx, given.map(keyOf)));
  const candidates = given.map((one) => withGrantor(one, stored.get(keyText(one)), options.actor));
  for (const candidate of candidates) {
    refuseStale(candidate, stored.get(keyText(candidate)), options);
  }
  const warnings = admitManifestSet(
    candidates,
    await loadView(tx, { candidates, stored, reachable: options.reachable }),
  );

  const plans = candidates.map((candidate) => planWrite(candidate, stored.get(keyText(candidate))));
  const writes = plans.filter(({ outcome }) => outcome !== 'unchanged').map(({ write }) => write);
  const written = byKey(writes.length > 0 ? await writeResources(tx, writes) : []);

  return candidates.map((candidate, i) => ({
    outcome: plans[i]!.outcome,
    resource: written.get(keyText(candidate)) ?? stored.get(keyText(candidate))!,
    warnings: [...warnings[i]!, ...deletionWarning(stored.get(keyText(candidate)))],
  }));
}

interface Admitted {
  readonly candidates: readonly Resource[];
  /** Locked, by key. */
  readonly stored: ReadonlyMap<string, Resource>;
  readonly reachable: ReachableHosts;
}

async function loadView(
  tx: Transaction,
  { candidates, stored, reachable }: Admitted,
): Promise<AdmissionView> {
  const namespaces = [...new Set(candidates.flatMap(namespacesOf))];
  const hasSchemas = candidates.some(({ kind }) => kind === 'SchemaDefinition');
  return createAdmissionView({
    stored: [...(await loadReferred(tx, namespaces)), ...stored.values()],
    candidates,
    reachable,
    schemaKeys: hasSchemas ? await loadSchemaKeys(tx) : [],
    versions: hasSchemas ? await loadVersions(tx, namespaces) : [],
  });
}

interface WritePlan {
  readonly outcome: ApplyResult['outcome'];
  readonly write: ResourceWrite;
}

/** The manifest says what labels, annotations and spec are; everything else is the platform's. */
function planWrite(candidate: Resource, stored: Resource | undefined): WritePlan {
  const { kind, metadata, spec } = candidate;
  const { namespace, name, labels = {}, annotations = {} } = metadata;
  const specChanged = !isDeepStrictEqual(asJson(spec), stored?.spec);
  const metadataChanged =
    !isDeepStrictEqual(labels, stored?.metadata.labels ?? {}) ||
    !isDeepStrictEqual(annotations, stored?.metadata.annotations ?? {});
  const generation = stored?.metadata.generation ?? 0;
  const finalizers =
    stored === undefined
      ? [...new Set([...(metadata.finalizers ?? []), ...finalizersOf(candidate)])]
      : (stored.metadata.finalizers ?? []);
  return {
    outcome:
      stored === undefined
        ? 'created'
        : specChanged || metadataChanged
          ? 'configured'
          : 'unchanged',
    write: {
      ...{ kind, namespace, name, labels, annotations, finalizers, spec },
      generation: specChanged ? generation + 1 : generation,
    },
  };
}

/** As it will read back: without undefined members, -0 or other things JSON does not have. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
