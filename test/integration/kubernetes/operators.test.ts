import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../../src/contract/kinds.ts';
import { reconcilers, reconcileWorkflowId } from '../../../src/contract/names.ts';
import { runOperator } from '../../../src/operator/operator.ts';
import { reportWaiting } from '../../../src/operator/report-status.ts';
import { createWorkflowStarter } from '../../../src/operator/start-workflow.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import {
  openKubernetesStore,
  watchTimingDefault,
} from '../../../src/resources/kubernetes/kubernetes-store.ts';
import { listObjects } from '../../../src/resources/kubernetes/list-objects.ts';
import { collectionPath, toResource } from '../../../src/resources/kubernetes/resource-object.ts';
import type { WatchTiming } from '../../../src/resources/kubernetes/watch-kind.ts';
import { isReady } from '../../../src/resources/status.ts';
import type { ResourceKey, ResourceStore } from '../../../src/resources/store.ts';
import type { ControlPlane } from '../../support/control-plane.ts';
import { startControlPlane } from '../../support/control-plane.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { startKubernetes } from '../../support/kubernetes.ts';
import { throughProxy } from '../../support/kubernetes-access.ts';
import { testTenant } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';

/** Schemas that arrive at once. */
const many = Number(process.env['VELOCITY_TEST_SCHEMAS'] ?? 200);
/** On two busy cores a schema takes some 300 ms of them, from apply to served. */
const manyWithinMs = 30_000 + many * 750;

const tenant = testTenant('acme');

let kubernetes: OwnKubernetes;
let client: KubernetesClient;
let plane: ControlPlane;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  const { kubeconfig } = kubernetes;
  client = await createKubernetesClient({ kubeconfig, namespace: undefined });
  plane = await startControlPlane({ kubernetes: { kubeconfig, client } });
  await plane.startWorker();
});

afterAll(async () => {
  await plane?.stop();
  await client?.close();
  await kubernetes?.stop();
});

const schemaKey = (name: string): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace: tenant.namespace, name },
});
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

async function allReady(names: readonly string[], withinMs: number): Promise<number> {
  return until(async () => {
    const listed = await plane.store.list({ kind: 'SchemaDefinition' });
    const done = new Set(listed.filter(isReady).map(({ metadata }) => metadata.name));
    return names.every((name) => done.has(name));
  }, withinMs);
}

/** How often each schema's workflow was started as a run of its own. */
async function runsOf(names: readonly string[]): Promise<Map<string, number>> {
  const wanted = new Map(names.map((name) => [reconcileWorkflowId(schemaKey(name)), name]));
  const runs = new Map<string, number>(names.map((name) => [name, 0]));
  for await (const { workflowId } of plane.temporal.workflow.list()) {
    const name = wanted.get(workflowId);
    if (name !== undefined) runs.set(name, runs.get(name)! + 1);
  }
  return runs;
}

interface Phases {
  /** What each schema's phase was, one after the other, repetitions left out. */
  readonly byName: ReadonlyMap<string, string[]>;
  end(): Promise<void>;
}

/** Hears every status that anybody writes, by a watch of its own. */
async function recordPhases(): Promise<Phases> {
  const { resourceVersion } = await listObjects(client, { kind: 'SchemaDefinition' });
  const stop = new AbortController();
  const byName = new Map<string, string[]>();
  const stream = await client.stream({
    ...{ method: 'GET', path: collectionPath('SchemaDefinition'), silenceMs: 600_000 },
    query: { watch: true, resourceVersion, timeoutSeconds: 600 },
    signal: stop.signal,
  });
  const listening = (async () => {
    for await (const event of stream) {
      const { type, object } = event as { type: string; object: never };
      if (type !== 'ADDED' && type !== 'MODIFIED') continue;
      const { metadata, status } = toResource('SchemaDefinition', object);
      const phases = byName.get(metadata.name) ?? [];
      const phase = status?.phase ?? 'Pending';
      if (phases.at(-1) !== phase) byName.set(metadata.name, [...phases, phase]);
    }
  })().catch(() => undefined);
  return {
    byName,
    end: async () => {
      stop.abort();
      await listening;
    },
  };
}

const order = ['Pending', 'Provisioning', 'Ready'];

/** Forward, one phase after the other, and never back. */
function flapsOf(phases: Phases, names: readonly string[]): [string, string[]][] {
  return names
    .map((name): [string, string[]] => [name, phases.byName.get(name) ?? []])
    .filter(([, seen]) => {
      const ranks = seen.map((phase) => order.indexOf(phase));
      return ranks.some((rank, i) => rank < 0 || (i > 0 && rank < ranks[i - 1]!));
    });
}

async function expectOneRunEach(names: readonly string[]): Promise<void> {
  // Temporal lists a run some moments after it has ended.
  await until(async () => [...(await runsOf(names)).values()].every((runs) => runs > 0), 30_000);
  const runs = await runsOf(names);
  expect([...runs].filter(([, count]) => count !== 1)).toEqual([]);
}

/** An operator that nobody elected, in this process. */
function startUnelected(
  holder: string,
  by: {
    readonly kubeconfig: string;
    readonly watchTiming?: WatchTiming;
    readonly answerWithinMs?: number;
  } = kubernetes,
): { end(): Promise<void> } {
  const stop = new AbortController();
  const running = (async () => {
    const { watchTiming = watchTimingDefault } = by;
    const own = await createKubernetesClient({ ...by, namespace: undefined });
    const store: ResourceStore = openKubernetesStore({
      ...{ client: own, holder, findVersions: async () => [], watchTiming },
    });
    const connection = await Connection.connect({ address: plane.temporalAddress() });
    const namespace = 'default';
    const temporal = new Client({ connection, namespace });
    await runOperator({
      store,
      starter: createWorkflowStarter({ client: temporal, connection, namespace, store }),
      observe: () => undefined,
      now: () => new Date(),
      random: Math.random,
      signal: stop.signal,
    });
    await connection.close();
    await own.close();
  })();
  return {
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

describe('operators of a cluster', () => {
  it('act on nothing that a run has seen to since they looked', async () => {
    const operator = startUnelected('early');
    const [, , , , late] = await plane.store.apply([...tenant.base, tenant.schema('late')]);
    await plane.until(schemaKey('late'), ready);
    // Ready is written before the run ends; one that is still there would only be told.
    await plane.temporal.workflow.getHandle(reconcileWorkflowId(schemaKey('late'))).result();
    await operator.end();
    const before = await plane.store.find(schemaKey('late'));

    // Another operator looked when nothing had been done, was paused, and goes on only now.
    const looked = late!.resource;
    const connection = await Connection.connect({ address: plane.temporalAddress() });
    const { store } = plane;
    const namespace = 'default';
    const temporal = new Client({ connection, namespace });
    const starter = createWorkflowStarter({ client: temporal, connection, namespace, store });
    expect(await starter.start(reconcilers.SchemaDefinition, looked, { isNews: true })).toBe(false);
    const now = () => new Date();
    const obstacle = { reason: 'ParentNotReady', message: 'the Domain is not ready yet' } as const;
    await reportWaiting({ store, now }, looked, obstacle);
    await connection.close();

    expect(await plane.store.find(schemaKey('late'))).toEqual(before);
    await expectOneRunEach(['late']);
  });

  it('find what was applied after their watches had fallen silent', async () => {
    const { proxy, kubeconfig } = await throughProxy(kubernetes.kubeconfig);
    const watchTiming = { ...watchTimingDefault, rotateSeconds: 2, silenceMs: 4_000 };
    // Not the watches alone: every idle connection of the operator is one that nobody answers on.
    const operator = startUnelected('silenced', { kubeconfig, watchTiming, answerWithinMs: 2_000 });
    await plane.store.apply([...tenant.base, tenant.schema('heard')]);
    await plane.until(schemaKey('heard'), ready);
    proxy.strand();
    await plane.store.apply([tenant.schema('unheard')]);
    await plane.until(schemaKey('unheard'), ready, 60_000);
    await operator.end();
    await proxy.close();
  });

  it('do everything once, and never go back on a word, when two of them lead', async () => {
    const phases = await recordPhases();
    const operators = [startUnelected('one'), startUnelected('two')];
    const names = Array.from({ length: 30 }, (_, i) => `both-${i}`);
    await plane.store.apply([...tenant.base, ...names.map((name) => tenant.schema(name))]);
    await allReady(names, 90_000);
    await expectOneRunEach(names);
    await Promise.all(operators.map((operator) => operator.end()));
    await phases.end();
    expect(flapsOf(phases, names)).toEqual([]);
  });

  it(`bring ${many} schemas at once to Ready, each by one run`, {
    timeout: manyWithinMs * 2,
  }, async () => {
    await plane.store.apply(tenant.base);
    const operators = await Promise.all([plane.startOperator(), plane.startOperator()]);
    const phases = await recordPhases();
    const names = Array.from({ length: many }, (_, i) => `many-${i}`);
    await plane.store.apply(names.map((name) => tenant.schema(name)));
    const tookMs = await allReady(names, manyWithinMs);
    expect(tookMs).toBeLessThan(manyWithinMs);
    await expectOneRunEach(names);
    await phases.end();
    expect(flapsOf(phases, names)).toEqual([]);

    // The one that leads dies; the other finds out when the Lease has run out.
    const leads = operators.find(({ log }) => log.some(({ msg }) => msg === 'leadership.gained'));
    expect(
      operators.filter(({ log }) => log.some(({ msg }) => msg === 'leadership.gained')),
    ).toHaveLength(1);
    await leads?.kill('SIGKILL');
    await plane.store.apply([tenant.schema('heir')]);
    await plane.until(schemaKey('heir'), ready, 60_000);
    await expectOneRunEach(['heir']);
  });
});
