import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config.ts';
import { readConfig } from '../config.ts';
import type { Observe } from '../observe.ts';
import { openObserver } from '../observe.ts';
import { runOperator } from '../operator/operator.ts';
import { createWorkflowStarter } from '../operator/start-workflow.ts';
import { WatchPulse } from '../operator/watch-pulse.ts';
import { runWebhook } from '../operator/webhook/run-webhook.ts';
import { runAsLeader } from '../resources/kubernetes/leadership.ts';
import { Lease } from '../resources/kubernetes/lease.ts';
import { openPool } from '../store/pool.ts';
import { serveMetrics } from './metrics-server.ts';
import type { OpenedStore } from './resource-store.ts';
import { openResourceStore } from './resource-store.ts';
import { onStopSignals } from './stop-signals.ts';
import { yieldToRequests } from './yield-to-requests.ts';

/** gRPC would wait up to two minutes before it looks for a Temporal that was away. */
const reconnectWithinMs = 2_000;

/** An operator that died is followed by another after this. */
const leaseMs = 15_000;
const leadershipTiming = { renewEveryMs: 5_000, retryMs: 2_000 };

/** `velocity operator`: watches resources and starts their workflows until SIGTERM. */
export async function run(argv: string[]): Promise<number> {
  parseArgs({ args: argv, options: {} });
  const config = readConfig();
  yieldToRequests(config.yielding);
  const { observe, metrics, flush } = openObserver({
    process: 'operator',
    logLevel: config.logLevel,
  });
  using stop = onStopSignals({
    asked: () => observe({ type: 'process.draining' }),
    force: () => process.exit(1),
  });
  const pulse = new WatchPulse(() => performance.now());
  const closeMetrics = await serveMetrics({ config, metrics, isAlive: () => pulse.isAlive() });
  try {
    await operate({ config, observe, pulse, signal: stop.signal });
  } finally {
    await closeMetrics();
    observe({ type: 'process.stopped' });
    await flush();
  }
  return 0;
}

/** Resolves when the signal has aborted and what was being handled has been. */
export async function operate(options: {
  config: Config;
  observe: Observe;
  pulse: WatchPulse;
  signal: AbortSignal;
}): Promise<void> {
  const { config, observe, pulse, signal } = options;
  const pool = openPool({
    connectionString: config.databaseUrl,
    size: config.poolSize,
    application: 'velocity operator',
    prepare: config.prepare,
  });
  const opened = await openResourceStore(config, pool);
  const { store } = opened;
  // Lazy: without Temporal the operator starts all the same, and says what it cannot start.
  const connection = Connection.lazy({
    address: config.temporalAddress,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': reconnectWithinMs },
  });
  const namespace = config.temporalNamespace;
  const client = new Client({ connection, namespace });
  const starter = createWorkflowStarter({ client, connection, namespace, store });
  observe({ type: 'process.started', address: config.temporalAddress });
  try {
    const leading = whileLeading({ opened, observe, signal }, async (signalOfLead) => {
      pulse.beat();
      await runOperator({
        ...{ store, starter, observe, signal: signalOfLead },
        onHeard: () => pulse.beat(),
        now: () => new Date(),
        random: Math.random,
      });
      pulse.end();
    });
    // Every replica judges, the one that leads as well as those that wait.
    await Promise.all([leading, judge({ config, opened, observe, signal })]);
  } finally {
    await opened.close();
    await connection.close();
    await pool.close();
  }
}

/** The webhook, where there is a cluster that asks for it. */
async function judge(options: {
  config: Config;
  opened: OpenedStore;
  observe: Observe;
  signal: AbortSignal;
}): Promise<void> {
  const { config, opened, observe, signal } = options;
  if (config.webhook === undefined || opened.kubernetes === undefined) return;
  const { client, findVersions } = opened.kubernetes;
  await runWebhook({
    ...config.webhook,
    ...{ host: config.host, client, findVersions, observe, signal },
    outboundAllow: config.outboundAllow,
  });
}

/** In a cluster one of several operators works and the others wait; elsewhere there is one. */
async function whileLeading(
  { opened, observe, signal }: { opened: OpenedStore; observe: Observe; signal: AbortSignal },
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (opened.kubernetes === undefined) return lead(signal);
  await runAsLeader({
    lease: new Lease({ ...opened.kubernetes, name: 'velocity-operator', durationMs: leaseMs }),
    timing: leadershipTiming,
    signal,
    lead: async (leading) => {
      observe({ type: 'leadership.gained' });
      await lead(leading);
      observe({ type: 'leadership.lost' });
    },
    onError: (cause) => observe({ type: 'watch.disconnected', cause }),
  });
}
