import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient, patchTypes } from '../../../src/resources/kubernetes/client.ts';
import { createEventTeller } from '../../../src/resources/kubernetes/events.ts';
import { openKubernetesStore } from '../../../src/resources/kubernetes/kubernetes-store.ts';
import type { ResourceObject } from '../../../src/resources/kubernetes/resource-object.ts';
import { objectPath } from '../../../src/resources/kubernetes/resource-object.ts';
import type { ResourceKey, ResourceStore } from '../../../src/resources/store.ts';
import { kubectl, sharedKubernetes } from '../../support/kubernetes.ts';
import type { TestTenant } from '../../support/manifests.ts';
import { testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';

/** What only a cluster has: Events, and writers beside us. */

let kubeconfig: string;
let client: KubernetesClient;
let store: ResourceStore;
let tenant: TestTenant;

beforeAll(async () => {
  ({ kubeconfig } = await sharedKubernetes());
  tenant = testTenant(uniqueName('only'));
  client = await createKubernetesClient({ kubeconfig, namespace: tenant.organisation });
  store = openKubernetesStore({ client, holder: 'test', findVersions: async () => [] });
  await store.apply(tenant.base, { actor: 'ann' });
});

afterAll(() => client?.close());

const schemaKey = (name: string): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace: tenant.namespace, name },
});

interface EventObject {
  readonly reason: string;
  readonly type: string;
  readonly message: string;
  readonly count: number;
  readonly involvedObject: { readonly name: string };
}

async function eventsOf(name: string): Promise<EventObject[]> {
  const path = `/api/v1/namespaces/${tenant.namespace}/events`;
  const { items } = await client.request<{ items: EventObject[] }>({ method: 'GET', path });
  return items.filter(({ involvedObject }) => involvedObject.name === name);
}

function status(phase: string, reason: string) {
  const ready = { type: 'Ready', status: phase === 'Ready' ? 'True' : 'False', reason };
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return { phase, conditions: [{ ...ready, message: 'said so', lastTransitionTime }] };
}

describe('Events', () => {
  it('tell what became of a resource, the same news as one that counts', async () => {
    await store.apply([tenant.schema('told')]);
    const write = (phase: string, reason: string) =>
      store.patchStatus(schemaKey('told'), status(phase, reason));
    const counted = async () =>
      new Map((await eventsOf('told')).map(({ reason, count }) => [reason, count]));
    await write('Provisioning', 'Applying');
    await write('Ready', 'Served');
    await until(async () => (await counted()).size === 2, 10_000);
    // Nothing new is no news.
    await write('Ready', 'Served');
    await write('Failed', 'MigrationFailed');
    await write('Ready', 'Served');
    await until(async () => (await counted()).get('Served') === 2, 10_000);
    const told = (await eventsOf('told')).map(({ type, reason, message, count }) =>
      [type, reason, message, count].join(' '),
    );
    expect(told.sort()).toEqual([
      'Normal Provisioning Applying: said so 1',
      'Normal Served said so 2',
      'Warning Failed MigrationFailed: said so 1',
    ]);
  });

  it('are bounded, however much there is to tell', async () => {
    await store.apply([tenant.schema('loud')]);
    const path = objectPath(schemaKey('loud'));
    const before = await client.request<ResourceObject>({ method: 'GET', path });
    let now = 0;
    const events = createEventTeller(client, () => now);
    const tell = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const after = { ...before, status: status('Ready', `Reason${i}`) };
        events.tell('SchemaDefinition', { before, after });
      }
    };
    const told = async () => (await eventsOf('loud')).length;
    tell(0, 320);
    await until(async () => (await told()) >= 300, 20_000);
    now = 1_000;
    tell(1_000, 1_020);
    await until(async () => (await told()) >= 310, 20_000);
    expect(await told()).toBe(310);
  });
});

describe('somebody beside us', () => {
  const edit = (name: string, spec: object) =>
    kubectl(kubeconfig, [
      ...['patch', 'sd', name, `--namespace=${tenant.namespace}`, '--type=merge'],
      `--patch=${JSON.stringify({ spec })}`,
    ]);

  it('leaves it open who asked for a spec that nobody has stamped', async () => {
    await store.apply([tenant.schema('edited')], { actor: 'ann' });
    expect(await store.findRequester(schemaKey('edited'))).toBe('ann');
    await edit('edited', { description: 'by hand' });
    expect(await store.findRequester(schemaKey('edited'))).toBeUndefined();
  });

  it('keeps what it has set, and an apply says so', async () => {
    await store.apply([tenant.schema('shared')], { actor: 'ann' });
    await edit('shared', { description: 'by hand' });
    const [result] = await store.apply([tenant.schema('shared')], { actor: 'ann' });
    expect(result).toMatchObject({
      outcome: 'unchanged',
      resource: { spec: { description: 'by hand' } },
    });
    expect(result?.warnings.join()).toContain('keeps fields that others have set');
  });

  it('is refused what the rules refuse, merged with what an apply brings', async () => {
    await store.apply([tenant.schema('merged')]);
    const fields = [{ name: 'code', type: 'string', maxLength: 3 }];
    await client.request({
      ...{ method: 'PATCH', path: objectPath(schemaKey('merged')), contentType: patchTypes.apply },
      query: { fieldManager: 'somebody', force: true },
      body: {
        ...{ apiVersion: 'velocity.sh/v1', kind: 'SchemaDefinition' },
        metadata: { name: 'merged', namespace: tenant.namespace },
        spec: { fields },
      },
    });
    // Either alone is right; together they are not.
    const wanted = tenant.schema('merged', {
      fields: [
        { name: 'title', type: 'string' },
        { name: 'code', type: 'string', default: 'long' },
      ],
    });
    await expect(store.apply([wanted])).rejects.toThrow('is not valid');
  });

  it('does not lose a finalizer of theirs, nor bring back one of ours', async () => {
    await store.apply([tenant.schema('held')]);
    await store.addFinalizer(schemaKey('held'), 'example.org/theirs');
    await store.removeFinalizer(schemaKey('held'), 'velocity.sh/provisioned');
    await store.apply([tenant.schema('held', { spec: { description: 'new' } })]);
    const held = await store.find(schemaKey('held'));
    expect(held?.metadata.finalizers).toEqual(['example.org/theirs']);
  });
});
