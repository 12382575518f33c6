import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/create-activities.ts';
import { keepApiDeployments } from '../activities/keep-api-deployments.ts';
import type { Config } from '../config.ts';
import { readConfig } from '../config.ts';
import { taskQueues } from '../contract/names.ts';
import type { Observe } from '../observe.ts';
import { openObserver } from '../observe.ts';
import { ensureSchedules } from '../operator/schedules.ts';
import { createListenTo } from '../store/listen.ts';
import type { Pool } from '../store/pool.ts';
import { openPool } from '../store/pool.ts';
import type { ReconcileSinks } from '../workflows/observations.ts';
import { serveMetrics } from './metrics-server.ts';
import { startRequestedWorkflows } from './requested-workflows.ts';
import { openResourceStore } from './resource-store.ts';
import { onStopSignals } from './stop-signals.ts';
import { observeTemporalLog } from './temporal-log.ts';
import { loadWorkflowBundle } from './workflow-bundle.ts';
import { yieldToRequests } from './yield-to-requests.ts';

type QueueName = keyof typeof taskQueues;
const queueNames = Object.keys(taskQueues) as QueueName[];

/**
 * Workflow tasks are short and need the CPU; activities wait for Postgres. Sized for two cores. The
 * cache holds a thousand schemas applied at once: one that falls out is played again from its beginning,
 * which took the worker twice the CPU.
 */
const sizes = {
  maxConcurrentWorkflowTaskExecutions: 16,
  maxConcurrentActivityTaskExecutions: 8,
  maxCachedWorkflows: 1_000,
  maxConcurrentWorkflowTaskPolls: 4,
  maxConcurrentActivityTaskPolls: 4,
} as const;

/** After a worker was killed its runs leave its own queue this soon; a replay costs milliseconds. */
const stickyTimeoutMs = 2_000;
/** Activities are given this long to finish on SIGTERM; they are run again elsewhere otherwise. */
const drainMs = 10_000;
const forceMs = 20_000;

/** A Temporal that lost its database has lost its schedules too, and says so to nobody. */
const schedulesEveryMs = 300_000;
const deploymentsEveryMs = 300_000;

const reconnectFirstMs = 200;
const reconnectLastMs = 5_000;

/** `velocity worker [--queues control,kubernetes]`: runs workflows and activities until SIGTERM. */
export async function run(argv: string[]): Promise<number> {
  const queues = parseQueues(argv);
  if (queues instanceof Error) {
    process.stderr.write(`velocity worker: ${queues.message}\n`);
    return 2;
  }
  const config = readConfig();
  yieldToRequests(config.yielding);
  const { observe, metrics, flush } = openObserver({
    process: 'worker',
    logLevel: config.logLevel,
  });
  using stop = onStopSignals({
    asked: () => observe({ type: 'process.draining' }),
    force: () => process.exit(1),
  });
  const closeMetrics = await serveMetrics({ config, metrics });
  try {
    await runWorker({ config, observe, signal: stop.signal, queues });
  } finally {
    await closeMetrics();
    observe({ type: 'process.stopped' });
    await flush();
  }
  return 0;
}

function parseQueues(argv: string[]): QueueName[] | Error {
  try {
    const { values } = parseArgs({ args: argv, options: { queues: { type: 'string' } } });
    const queues = values.queues?.split(',') ?? queueNames;
    const unknown = queues.find((name) => !(queueNames as string[]).includes(name));
    if (unknown === undefined) return queues as QueueName[];
    return new Error(`there is no queue "${unknown}"; known: ${queueNames.join(', ')}`);
  } catch (error) {
    return error as Error;
  }
}

export interface WorkerOptions {
  readonly config: Config;
  readonly observe: Observe;
  readonly signal: AbortSignal;
  /** Undefined: all of them. */
  readonly queues?: readonly QueueName[];
  /** Run around every activity. */
  readonly interceptors?: readonly ActivityInterceptorsFactory[];
  /** Of the database that activities work in; undefined: as it is. */
  readonly wrapPool?: (pool: Pool) => Pool;
}

/** Resolves when the signal has aborted and all that ran has finished. Survives Temporal. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { config, observe, signal, wrapPool = (pool) => pool } = options;
  installRuntime(observe);
  const pool = wrapPool(
    openPool({
      connectionString: config.databaseUrl,
      size: config.poolSize,
      application: 'velocity worker',
      prepare: config.prepare,
    }),
  );
  const { store, secrets, kubernetes, close } = await openResourceStore(config, pool);
  const cluster = kubernetes?.client;
  const onLost = (cause: unknown) => observe({ type: 'listen.disconnected', cause });
  const listenTo = createListenTo(config.databaseUrl, onLost);
  const activities = createActivities({
    store,
    pool,
    secrets,
    listenTo,
    cluster,
    now: () => new Date(),
    random: Math.random,
  });
  const ended = new AbortController();
  const starting = startRequestedWorkflows({
    ...{ config, store, pool, listenTo, observe },
    signal: AbortSignal.any([signal, ended.signal]),
  });
  const keeping = keepDeployments({ store, cluster }, options);
  try {
    const { code } = await loadWorkflowBundle();
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await serve({ ...options, activities, code, ready: () => (attempt = 0) });
      } catch (cause) {
        observe({ type: 'temporal.lost', cause });
        const delayMs = Math.min(reconnectLastMs, reconnectFirstMs * 2 ** Math.min(attempt, 10));
        await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
  } finally {
    ended.abort();
    await starting;
    await keeping;
    await close();
    await pool.close();
  }
}

/**
 * Deployments of the API follow changes of their applications by their workflows; that the Deployment
 * they are made like has changed, with an upgrade above all, is seen here.
 */
async function keepDeployments(
  deps: Parameters<typeof keepApiDeployments>[0],
  { observe, signal }: WorkerOptions,
): Promise<void> {
  while (deps.cluster !== undefined && !signal.aborted) {
    await keepApiDeployments(deps).catch((cause: unknown) =>
      observe({ type: 'deployments.failed', cause }),
    );
    await sleep(deploymentsEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

interface Serving extends WorkerOptions {
  readonly activities: ReturnType<typeof createActivities>;
  readonly code: string;
  ready(): void;
}

/** One connection's life: ends with the signal, or throws when Temporal is lost for good. */
async function serve(serving: Serving): Promise<void> {
  const { config, observe, signal, activities, code, interceptors = [] } = serving;
  const connection = await NativeConnection.connect({ address: config.temporalAddress });
  try {
    const workers = await Promise.all(
      (serving.queues ?? queueNames).map((queue) =>
        Worker.create({
          ...sizes,
          connection,
          namespace: config.temporalNamespace,
          taskQueue: taskQueues[queue],
          // Workflows are run from the one queue; the others are for activities.
          ...(queue === 'control' && { workflowBundle: { code }, sinks: createSinks(observe) }),
          activities,
          interceptors: { activity: [...interceptors] },
          stickyQueueScheduleToStartTimeout: stickyTimeoutMs,
          shutdownGraceTime: drainMs,
          shutdownForceTime: forceMs,
        }),
      ),
    );
    serving.ready();
    observe({ type: 'process.started', address: config.temporalAddress });
    const ended = new AbortController();
    const client = new Client({ connection, namespace: config.temporalNamespace });
    const over = AbortSignal.any([signal, ended.signal]);
    const keeping = keepSchedules(client, observe, over);
    const running = workers.map((worker) => worker.runUntil(untilAborted(over)));
    try {
      await Promise.all(running);
    } finally {
      // One that was lost takes the others along.
      ended.abort();
      await Promise.allSettled(running);
      await keeping;
    }
  } finally {
    await connection.close();
  }
}

async function keepSchedules(client: Client, observe: Observe, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const changed = await ensureSchedules(client);
      if (changed.length > 0) observe({ type: 'schedules.registered', schedules: changed });
    } catch (cause) {
      observe({ type: 'schedules.failed', cause });
    }
    await sleep(schedulesEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function createSinks(observe: Observe) {
  return {
    reconcile: {
      started: {
        fn: (_info, { kind, namespace, name }) =>
          observe({ type: 'reconcile.started', kind, namespace, name }),
      },
      finished: {
        fn: (_info, { kind, namespace, name }, { phase, message }, ms) =>
          observe({
            type: 'reconcile.finished',
            kind,
            namespace,
            name,
            outcome: phase,
            ms,
            message,
          }),
      },
    },
  } satisfies InjectedSinks<ReconcileSinks>;
}

/** The SDK speaks through the process's own log, and leaves the signals to us. */
function installRuntime(observe: Observe): void {
  const logger = new DefaultLogger('WARN', (entry) => observeTemporalLog(observe, entry));
  Runtime.install({ logger, shutdownSignals: [] });
}
