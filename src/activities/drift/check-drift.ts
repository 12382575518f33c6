import { isDeepStrictEqual } from 'node:util';
import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import { findFreezes } from '../../resources/plans/sql/freezes.ts';
import { writeStatus } from '../../resources/status.ts';
import type { DriftItem } from '../../schema/compare-shapes.ts';
import type { ActivityDeps } from '../deps.ts';
import type { Job } from '../durable.ts';
import { findOfKind } from '../find-resource.ts';
import type { ComparedRevision, SchemaPlace } from '../sql/drift.ts';
import {
  findCompared,
  findComparedPage,
  forgetOldVersions,
  putDrift,
  touchDrift,
} from '../sql/drift.ts';
import { estimateRecords } from '../sql/estimate-records.ts';
import type { Compared } from './compare-schemas.ts';
import { compareSchemas } from './compare-schemas.ts';
import { describeStanding } from './describe-standing.ts';

/** Schemas of one query of the catalogue: some 100 ms, and little to do again after a crash. */
const pageSize = 50;

export interface DriftPage {
  /** Where the page before this one ended; undefined: the first. */
  readonly after: SchemaPlace | undefined;
}

export interface CheckedPage {
  /** Undefined: there are no more. */
  readonly after: SchemaPlace | undefined;
  readonly checked: number;
  readonly drifted: number;
}

/** Compares a page of active revisions with the catalogue, and says in each status what it found. */
export async function checkDriftPage(
  deps: ActivityDeps,
  { after }: DriftPage,
  job?: Pick<Job, 'signal'>,
): Promise<CheckedPage> {
  if (after === undefined) await forgetOldVersions(deps.pool);
  const found = await findComparedPage(deps.pool, { after, size: pageSize });
  // Two versions of a schema share one status: a page does not end between them.
  const last = found.at(-1);
  const full = found.length === pageSize && last !== undefined;
  const page = full ? found.filter((one) => !isSame(one, last)) : found;
  const revisions = page.length > 0 ? page : found;
  job?.signal.throwIfAborted();
  const compared = await checkRevisions(deps, revisions);
  const { namespace = '', name = '', version = '' } = revisions.at(-1) ?? {};
  return {
    after: full ? { namespace, name, version } : undefined,
    checked: compared.length,
    drifted: compared.filter(({ items }) => items.length > 0).length,
  };
}

/** Compares one schema, whatever the schedule says. */
export async function checkSchemaDrift(deps: ActivityDeps, ref: ResourceRef): Promise<CheckedPage> {
  const compared = await checkRevisions(deps, await findCompared(deps.pool, ref));
  const drifted = compared.filter(({ items }) => items.length > 0).length;
  return { after: undefined, checked: compared.length, drifted };
}

async function checkRevisions(
  deps: ActivityDeps,
  revisions: readonly ComparedRevision[],
): Promise<readonly Compared[]> {
  const { pool } = deps;
  const compared = await compareSchemas(pool, revisions);
  for (const { revision, items } of compared) {
    const known = revision.found;
    if (known === null || !isDeepStrictEqual(known, items)) await putDrift(pool, revision, items);
  }
  await touchDrift(
    pool,
    compared.map(({ revision }) => revision),
  );
  const records = await estimateRecords(pool, revisions);
  const freezes = await findFreezes(pool, revisions);
  for (const group of groupBySchema(revisions)) {
    const [first] = group;
    if (first === undefined) continue;
    const own = compared.filter(({ revision }) => group.includes(revision));
    const counted = group.map((revision) => records[revisions.indexOf(revision)]);
    await reportStanding(deps, first, {
      drift: own.length === group.length ? own.flatMap(({ items }) => items) : undefined,
      frozen: freezes.find((freeze) => isSame(freeze, first)),
      records: counted.includes(undefined) ? undefined : sum(counted),
    });
  }
  return compared;
}

async function reportStanding(
  { store, now }: ActivityDeps,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  standing: {
    readonly drift: readonly DriftItem[] | undefined;
    readonly frozen: { readonly by: string; readonly reason: string | null } | undefined;
    readonly records: number | undefined;
  },
): Promise<void> {
  const ref = { kind: 'SchemaDefinition', namespace, name };
  const schema: SchemaDefinition | undefined = await findOfKind(store, 'SchemaDefinition', ref);
  if (schema === undefined) return;
  const update = describeStanding(schema, standing);
  if (update !== undefined) await writeStatus(store, { resource: schema, update, now: now() });
}

function groupBySchema(revisions: readonly ComparedRevision[]): ComparedRevision[][] {
  const groups = Map.groupBy(revisions, ({ namespace, name }) => `${namespace}/${name}`);
  return [...groups.values()];
}

function isSame(
  a: { readonly namespace: string; readonly name: string },
  b: { readonly namespace: string; readonly name: string },
): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, one) => total + (one ?? 0), 0);
}
