import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/contract/kinds.ts';
import { finalizer } from '../../src/contract/names.ts';
import { VelocityError } from '../../src/errors.ts';
import type { ManifestSetProblem, ResourceKey, ResourceStore } from '../../src/resources/store.ts';
import { until } from '../support/until.ts';
import {
  application,
  domain,
  organisation,
  schema,
} from '../unit/resources/admission/manifests.ts';

/** What a store is built on, and what a test may do to that behind its back. */
export interface StoreGround {
  open(options?: { readonly resyncMs?: number }): Promise<ResourceStore>;
  /** Every resource gone, whatever holds it. */
  clear(): Promise<void>;
  /** Ends the connections of watches, as a network does. */
  cutWatches(): Promise<void>;
  close(): Promise<void>;
}

const tree = [organisation('acme'), application('acme', 'shop'), domain('acme', 'shop', 'orders')];
const keyOf = ({ kind, metadata: { namespace, name } }: Resource): ResourceKey => ({
  ...{ kind, namespace, name },
});
const thing = (name: string, description?: string) =>
  schema(name, description === undefined ? {} : { description });
const thingKey = (name: string) => keyOf(thing(name));

/** Far longer than any watch takes here; a machine that is busy is not a failure. */
const eventually = (check: () => boolean) => until(async () => check(), 20_000);

function problemsIn(error: VelocityError): ManifestSetProblem[] {
  return (error.details?.['problems'] ?? []) as ManifestSetProblem[];
}

async function refusal(work: Promise<unknown>): Promise<VelocityError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(VelocityError);
  return error as VelocityError;
}

/** What every store keeps to, wherever its resources live. */
export function describeStore(name: string, prepare: () => Promise<StoreGround>): void {
  let ground: StoreGround;
  let store: ResourceStore;
  const watches = new AbortController();

  beforeAll(async () => {
    ground = await prepare();
    store = await ground.open();
  });

  afterAll(async () => {
    watches.abort();
    await ground?.close();
  });

  beforeEach(async () => {
    await store.apply(tree);
  });

  afterEach(() => ground.clear());

  describe(`${name} › apply`, () => {
    it('stores a set whose members refer to each other', async () => {
      await ground.clear();
      const ref = { org: 'acme', app: 'shop', domain: 'orders', version: 'v1' };
      const line = schema('line', {
        fields: [{ name: 'order', type: 'ref', ref: { ...ref, object: 'order' } }],
      });
      const results = await store.apply([line, thing('order'), ...tree]);
      expect(results.map(({ outcome }) => outcome)).toEqual(Array(5).fill('created'));
      expect(results[0]?.resource.metadata.name).toBe('line');
    });

    it('raises generation when the spec changes, and only then', async () => {
      const generations: unknown[] = [];
      const outcomes: unknown[] = [];
      const labelled = {
        ...thing('a'),
        metadata: { ...thing('a').metadata, labels: { team: 'x' } },
      };
      for (const manifest of [
        thing('a'),
        thing('a'),
        labelled,
        thing('a', 'new'),
        thing('a', 'new'),
      ]) {
        const [result] = await store.apply([manifest]);
        outcomes.push(result!.outcome);
        generations.push(result!.resource.metadata.generation);
      }
      expect(outcomes).toEqual(['created', 'unchanged', 'configured', 'configured', 'unchanged']);
      expect(generations).toEqual([1, 1, 1, 2, 2]);
    });

    it('gives what is reconciled its finalizer from the start, and nothing else', async () => {
      const { namespace } = schema('a').metadata;
      const synonyms = {
        apiVersion: 'velocity.sh/v1',
        kind: 'SynonymSet',
        metadata: { name: 'words', namespace },
        spec: { schema: 'a', synonyms: [{ terms: ['car', 'auto'] }] },
      };
      const [created, kept] = await store.apply([thing('a'), synonyms]);
      expect(created?.resource.metadata.finalizers).toEqual([finalizer]);
      expect(kept?.resource.metadata.finalizers).toBeUndefined();
    });

    it('keeps status, uid and finalizers whatever a manifest says about them', async () => {
      const [created] = await store.apply([thing('a')]);
      await store.patchStatus(thingKey('a'), { phase: 'Ready' });
      const manifest = thing('a', 'new');
      const [configured] = await store.apply([
        {
          ...manifest,
          metadata: { ...manifest.metadata, uid: 'mine', generation: 77, finalizers: ['mine'] },
          status: { phase: 'Failed' },
        },
      ]);
      expect(configured?.resource).toMatchObject({
        metadata: { uid: created?.resource.metadata.uid, generation: 2, finalizers: [finalizer] },
        status: { phase: 'Ready' },
      });
    });

    it('refuses a set as a whole and says everything that is wrong, manifest by manifest', async () => {
      const bad = schema('bad', {
        fields: [
          { name: 'id', type: 'string' },
          { name: 'state', type: 'enum' },
        ],
      });
      const error = await refusal(store.apply([thing('good'), bad]));
      expect(error.code).toBe('VALIDATION_ERROR');
      expect(problemsIn(error).map(({ manifest, pointer }) => [manifest, pointer])).toEqual([
        [1, '/spec/fields/0/name'],
        [1, '/spec/fields/1/type'],
      ]);
      expect(await store.find(thingKey('good'))).toBeUndefined();

      const structural = await refusal(
        store.apply([{ kind: 'Nonsense' }, thing('good'), thing('good')]),
      );
      expect(problemsIn(structural).map(({ rule }) => rule)).toEqual([
        'unknown-kind',
        'duplicate-resource',
      ]);
    });

    it('keeps nothing of a dry run, which is refused as the run would be', async () => {
      const [result] = await store.apply([thing('a')], { dryRun: true });
      expect(result?.outcome).toBe('created');
      expect(await store.find(thingKey('a'))).toBeUndefined();
      const error = await refusal(store.apply([thing('Bad')], { dryRun: true }));
      expect(error.code).toBe('VALIDATION_ERROR');
    });

    it('refuses a stale resourceVersion, as an option and in the manifest', async () => {
      const [first] = await store.apply([thing('a')]);
      const version = first!.resource.metadata.resourceVersion!;
      await store.apply([thing('a', 'meanwhile')]);
      const late = await refusal(store.apply([thing('a', 'late')], { resourceVersion: version }));
      expect(late.code).toBe('OPTIMISTIC_LOCK_FAILED');
      const manifest = thing('a', 'late');
      const stale = { ...manifest, metadata: { ...manifest.metadata, resourceVersion: version } };
      expect((await refusal(store.apply([stale]))).code).toBe('OPTIMISTIC_LOCK_FAILED');
      const gone = await refusal(store.apply([thing('b')], { resourceVersion: version }));
      expect(gone.code).toBe('OPTIMISTIC_LOCK_FAILED');
    });

    it('lets one of fifty concurrent applies of one version win', async () => {
      const [first] = await store.apply([thing('a')]);
      const resourceVersion = first!.resource.metadata.resourceVersion!;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          store.apply([thing('a', `by ${i}`)], { resourceVersion }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await store.find(thingKey('a')))?.metadata.generation).toBe(2);
    });

    it('admits concurrent applies one after the other, so that a quota holds', async () => {
      await store.apply([organisation('acme', { resourceQuotas: { maxSchemas: 10 } })]);
      // Two processes, for all that the stores know.
      const stores = [store, await ground.open()];
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) => stores[i % 2]!.apply([thing(`thing-${i}`)])),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect(await store.list({ kind: 'SchemaDefinition' })).toHaveLength(10);
    });

    it('knows who asked for the spec as it is', async () => {
      const labelled = thing('a');
      const labels = { team: 'x' };
      const steps: [Resource, string][] = [
        [thing('a'), 'alice'],
        [{ ...labelled, metadata: { ...labelled.metadata, labels } }, 'bob'],
        [thing('a', 'new'), 'carol'],
      ];
      const named: unknown[] = [];
      for (const [manifest, actor] of steps) {
        await store.apply([manifest], { actor });
        named.push(await store.findRequester(thingKey('a')));
      }
      expect(named).toEqual(['alice', 'alice', 'carol']);
      expect(await store.findRequester(thingKey('missing'))).toBeUndefined();
      // It is not part of what a person wrote, nor of what they read and write back.
      expect((await store.find(thingKey('a')))?.metadata.annotations).toBeUndefined();
    });

    it('counts resources by kind and phase, and those that wait for a reconcile', async () => {
      await store.apply([thing('a'), thing('b'), thing('c', 'old')]);
      await store.patchStatus(thingKey('a'), { phase: 'Ready', observedGeneration: 1 });
      await store.patchStatus(thingKey('c'), { phase: 'Ready', observedGeneration: 1 });
      await store.apply([thing('c', 'new')]);
      const counted = (await store.count()).filter(({ kind }) => kind === 'SchemaDefinition');
      expect(counted).toHaveLength(2);
      expect(counted).toContainEqual({
        ...{ kind: 'SchemaDefinition', phase: 'Ready', resources: 2, waiting: 1 },
      });
      expect(counted).toContainEqual({
        ...{ kind: 'SchemaDefinition', phase: 'Pending', resources: 1, waiting: 1 },
      });
    });

    it('writes a status only to the resource that it is about', async () => {
      const [first] = await store.apply([thing('a')]);
      const { uid, resourceVersion } = first!.resource.metadata;
      await store.patchStatus(
        thingKey('a'),
        { phase: 'Pending' },
        { uid: uid!, resourceVersion: resourceVersion! },
      );
      await store.patchStatus(
        thingKey('a'),
        { phase: 'Failed' },
        { resourceVersion: resourceVersion! },
      );
      await store.patchStatus(thingKey('a'), { phase: 'Failed' }, { uid: randomUUID() });
      expect((await store.find(thingKey('a')))?.status).toEqual({ phase: 'Pending' });
    });

    it('lists in a stable order, by kind and by namespace', async () => {
      await store.apply([thing('b'), thing('a')]);
      const names = (resources: Resource[]) => resources.map(({ metadata }) => metadata.name);
      expect(names(await store.list({ kind: 'SchemaDefinition' }))).toEqual(['a', 'b']);
      expect(names(await store.list({ namespace: 'acme' }))).toEqual(['shop', 'acme']);
      expect(names(await store.list())).toEqual(['shop', 'orders', 'acme', 'a', 'b']);
    });
  });

  describe(`${name} › status and deletion`, () => {
    it('writes a status only when it is another one', async () => {
      await store.apply([thing('a')]);
      const versions: unknown[] = [];
      for (const phase of ['Ready', 'Ready', 'Failed']) {
        await store.patchStatus(thingKey('a'), { phase, conditions: [] });
        versions.push((await store.find(thingKey('a')))?.metadata.resourceVersion);
      }
      expect(versions[0]).toBe(versions[1]);
      expect(versions[2]).not.toBe(versions[1]);
      expect((await store.find(thingKey('a')))?.metadata.generation).toBe(1);
      await store.patchStatus(thingKey('missing'), { phase: 'Ready' });
    });

    it('removes a resource when its last finalizer has gone', async () => {
      await store.apply([thing('a')]);
      await store.addFinalizer(thingKey('a'), 'velocity.sh/second');
      const marked = await store.delete(thingKey('a'));
      expect(marked?.metadata.deletionTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      await store.addFinalizer(thingKey('a'), 'velocity.sh/too-late');
      await store.removeFinalizer(thingKey('a'), finalizer);
      expect((await store.find(thingKey('a')))?.metadata.finalizers).toEqual([
        'velocity.sh/second',
      ]);
      await store.removeFinalizer(thingKey('a'), 'velocity.sh/second');
      expect(await store.find(thingKey('a'))).toBeUndefined();
    });

    it('keeps a resource whose last finalizer goes while nobody deletes it', async () => {
      await store.apply([thing('a')]);
      await store.removeFinalizer(thingKey('a'), finalizer);
      expect(await store.find(thingKey('a'))).toBeDefined();
      await store.delete(thingKey('a'));
      expect(await store.find(thingKey('a'))).toBeUndefined();
    });

    it('deletes twice as once, dry as not at all, and stale never', async () => {
      expect(await store.delete(thingKey('a'))).toBeUndefined();
      await store.apply([thing('a')]);
      const dry = await store.delete(thingKey('a'), { dryRun: true });
      expect(dry?.metadata.deletionTimestamp).toBeDefined();
      expect((await store.find(thingKey('a')))?.metadata.deletionTimestamp).toBeUndefined();
      const stale = await refusal(store.delete(thingKey('a'), { resourceVersion: '1' }));
      expect(stale.code).toBe('OPTIMISTIC_LOCK_FAILED');
      const first = await store.delete(thingKey('a'));
      const second = await store.delete(thingKey('a'));
      expect(second).toEqual(first);
    });

    it('lets a resource that is being deleted be annotated, and says what is going on', async () => {
      await store.apply([thing('a')]);
      await store.delete(thingKey('a'));
      const manifest = thing('a');
      const annotated = {
        ...manifest,
        metadata: { ...manifest.metadata, annotations: { ok: 'yes' } },
      };
      const [result] = await store.apply([annotated]);
      expect(result?.outcome).toBe('configured');
      expect(result?.warnings.join()).toContain('being deleted');
      expect(result?.resource.metadata.deletionTimestamp).toBeDefined();
    });
  });

  describe(`${name} › watch`, () => {
    function watch(watched: ResourceStore) {
      const seen: string[] = [];
      const events = { syncs: 0, disconnects: 0 };
      const stop = new AbortController();
      const done = watched.watch(
        {
          onKey: ({ kind, name }) => seen.push(`${kind}/${name}`),
          onSync: () => (events.syncs += 1),
          onDisconnect: () => (events.disconnects += 1),
        },
        AbortSignal.any([stop.signal, watches.signal]),
      );
      const end = async () => {
        stop.abort();
        await done;
      };
      return { seen, events, end };
    }

    it('hands over what exists, then each change once', async () => {
      const watched = watch(store);
      await eventually(() => watched.events.syncs === 1);
      expect([...watched.seen].sort()).toEqual([
        'Application/shop',
        'Domain/orders',
        'Organisation/acme',
      ]);
      watched.seen.length = 0;

      await store.apply([thing('a')]);
      await store.apply([thing('a')]);
      await store.apply([thing('b')], { dryRun: true });
      await store.patchStatus(thingKey('a'), { phase: 'Ready' });
      await store.patchStatus(thingKey('a'), { phase: 'Ready' });
      await store.removeFinalizer(thingKey('a'), finalizer);
      await store.delete(thingKey('a'));
      await store.apply([thing('end')]);
      await eventually(() => watched.seen.includes('SchemaDefinition/end'));
      const changes = watched.seen.filter((key) => key === 'SchemaDefinition/a');
      // Created, status, finalizer; the deletion is a mark and a removal in one transaction.
      expect(changes.length).toBeGreaterThanOrEqual(4);
      expect(changes.length).toBeLessThanOrEqual(5);
      expect(watched.seen).not.toContain('SchemaDefinition/b');
      await watched.end();
    });

    it('misses nothing of what changes while its connection is away', async () => {
      const watched = watch(store);
      await eventually(() => watched.events.syncs === 1);
      await ground.cutWatches();
      await store.apply([thing('meanwhile')]).catch(() => store.apply([thing('meanwhile')]));
      await eventually(() => watched.events.syncs >= 2);
      expect(watched.events.disconnects).toBeGreaterThan(0);
      // Listed by the resync, or notified after it where the connection came back first.
      await eventually(() => watched.seen.includes('SchemaDefinition/meanwhile'));
      await watched.end();
    });

    it('hands over everything again each resync period', async () => {
      const watched = watch(await ground.open({ resyncMs: 50 }));
      await eventually(() => watched.events.syncs >= 3);
      expect(watched.seen.filter((key) => key === 'Domain/orders').length).toBeGreaterThanOrEqual(
        3,
      );
      await watched.end();
    });
  });
}
