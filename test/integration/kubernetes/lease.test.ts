import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { runAsLeader } from '../../../src/resources/kubernetes/leadership.ts';
import { Lease } from '../../../src/resources/kubernetes/lease.ts';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import { sharedKubernetes } from '../../support/kubernetes.ts';
import { throughProxy } from '../../support/kubernetes-access.ts';
import { uniqueName } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';

const durationMs = 1_000;

let client: KubernetesClient;
let cut: KubernetesClient;
let proxy: FaultProxy;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const { kubeconfig } = await sharedKubernetes();
  const namespace = uniqueName('leases');
  client = await createKubernetesClient({ kubeconfig, namespace });
  const proxied = await throughProxy(kubeconfig);
  proxy = proxied.proxy;
  // An answer that takes longer than the lease lasts is of no use to its holder.
  cut = await createKubernetesClient({
    ...{ kubeconfig: proxied.kubeconfig, namespace },
    answerWithinMs: 500,
  });
});

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

afterAll(async () => {
  await Promise.all([client?.close(), cut?.close()]);
  await proxy?.close();
});

function lease(name: string, holder: string, by = client, lastsMs = durationMs): Lease {
  return new Lease({ client: by, name, holder, durationMs: lastsMs });
}

/** Counts how often each began to lead, and who leads now. */
function candidate(name: string, holder: string, by: KubernetesClient) {
  const stop = new AbortController();
  const figures = { began: 0, leads: false };
  const running = runAsLeader({
    lease: lease(name, holder, by),
    timing: { renewEveryMs: 300, retryMs: 200 },
    signal: stop.signal,
    lead: async (signal) => {
      figures.began += 1;
      figures.leads = true;
      await new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      figures.leads = false;
    },
    onError: () => undefined,
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  stops.push(end);
  return { figures, end };
}

describe('a lease', () => {
  it('is held by one, and by another one as soon as it is let go of', async () => {
    const one = lease('handed', 'one', client, 60_000);
    const two = lease('handed', 'two', client, 60_000);
    expect(await one.tryHold()).toBe(true);
    expect(await two.tryHold()).toBe(false);
    expect(await one.tryHold()).toBe(true);
    await one.release();
    expect(one.isHeld).toBe(false);
    expect(await two.tryHold()).toBe(true);
    // Letting go of what somebody else has by now takes nothing from them.
    await one.release();
    expect(await one.tryHold()).toBe(false);
  });

  it('falls to one of those who ask at the same time', async () => {
    const asking = Array.from({ length: 10 }, (_, i) => lease('asked-for', `asker-${i}`));
    const held = await Promise.all(asking.map((each) => each.tryHold()));
    expect(held.filter((each) => each)).toHaveLength(1);
  });

  it('ends when its holder is gone', async () => {
    const [one, two] = [lease('abandoned', 'one'), lease('abandoned', 'two')];
    expect(await one.tryHold()).toBe(true);
    const tookMs = await until(() => two.tryHold(), 10_000);
    expect(tookMs).toBeGreaterThanOrEqual(durationMs);
    expect(one.isHeld).toBe(false);
  });
});

describe('leadership', () => {
  it('passes on when a leader stops, at once', async () => {
    const one = candidate('stopping', 'one', client);
    await until(async () => one.figures.leads, 10_000);
    const two = candidate('stopping', 'two', client);
    await one.end();
    await until(async () => two.figures.leads, 10_000);
    expect(one.figures.leads).toBe(false);
  });

  it('is given up by who can no longer renew it, and may come back', async () => {
    const one = candidate('cut-off', 'one', cut);
    await until(async () => one.figures.leads, 10_000);
    proxy.hold('down');
    const two = candidate('cut-off', 'two', client);
    await until(async () => two.figures.leads, 10_000);
    expect(one.figures.leads).toBe(false);
    proxy.cut();
    await two.end();
    await until(async () => one.figures.leads, 10_000);
    expect(one.figures.began).toBe(2);
  });
});
