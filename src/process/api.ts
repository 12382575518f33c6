import { randomBytes, randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { buildApp } from '../api/app.ts';
import type { DrainState } from '../api/app-deps.ts';
import { drainServer } from '../api/drain-server.ts';
import { createFailModeAudit } from '../audit/note-fail-mode.ts';
import { recordDenial } from '../audit/record-denial.ts';
import { createAuthenticator } from '../auth/authenticate.ts';
import { authenticateNobody } from '../auth/authenticate-nobody.ts';
import { acceptSessionsAndTokens } from '../auth/authenticate-oidc.ts';
import { createFailedAttempts } from '../auth/failed-attempts.ts';
import { createTokenFunction } from '../auth/jwt/authenticate-token.ts';
import { createKeySets } from '../auth/jwt/key-sets.ts';
import { openKeyUse } from '../auth/key-use.ts';
import { requireUnrevoked } from '../auth/require-unrevoked.ts';
import type { Config } from '../config.ts';
import { ConfigError, readConfig } from '../config.ts';
import type { Metrics, Observe, Observer } from '../observe.ts';
import { openObserver } from '../observe.ts';
import { openRecordQuotas } from '../records/record-quotas.ts';
import { sweepIdempotencyKeys } from '../records/sweep-idempotency-keys.ts';
import type { DriftFigures } from '../resources/drift/find-drift.ts';
import { watchDrift } from '../resources/drift/watch-drift.ts';
import { openOutbound } from '../resources/outbound/outbound.ts';
import type { Registry } from '../resources/registry/registry.ts';
import { openRegistry } from '../resources/registry/registry.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { Pipeline } from '../store/pipeline.ts';
import { openPipeline } from '../store/pipeline.ts';
import type { Pool } from '../store/pool.ts';
import { openPool } from '../store/pool.ts';
import { proveApiRole } from '../store/prove-role.ts';
import { serveMetrics } from './metrics-server.ts';
import { openResourceStore } from './resource-store.ts';
import { keepSwept, openSessions } from './sessions.ts';
import { openSharedState } from './shared-state.ts';
import { onStopSignals } from './stop-signals.ts';
import { createUuidSource } from './uuid-source.ts';
import { createWorkflowAccess } from './workflow-access.ts';

const application = 'velocity api';

/** `velocity api`: serves until SIGTERM; refuses to start with a database role it must not have. */
export async function run(argv: string[]): Promise<number> {
  const config = readArguments(argv);
  if (config === undefined) return 2;
  const observer = openObserver({ process: 'api', logLevel: config.logLevel });
  using stop = onStopSignals({ asked: () => undefined, force: () => process.exit(1) });
  try {
    await serveApi({ config, observer, signal: stop.signal });
    return 0;
  } catch (cause) {
    observer.observe({ type: 'process.refused', cause });
    process.stderr.write(`velocity api: ${(cause as Error).message}\n`);
    return 1;
  } finally {
    await observer.flush();
  }
}

/** Undefined when something is wrong, which has then been printed. */
function readArguments(argv: string[]): Config | undefined {
  try {
    parseArgs({ args: argv, options: {} });
    return readConfig();
  } catch (error) {
    const known = error instanceof ConfigError || error instanceof TypeError;
    if (!known) throw error;
    process.stderr.write(`velocity api: ${error.message}\n`);
    return undefined;
  }
}

interface ApiOptions {
  readonly config: Config;
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/** Resolves when the signal has aborted and every request has been answered. */
async function serveApi({ config, observer, signal }: ApiOptions): Promise<void> {
  const { databaseUrl: connectionString, prepare } = config;
  const { observe, metrics } = observer;
  const startedAt = performance.now();
  await using scope = new AsyncDisposableStack();

  const pool = openPool({ connectionString, application, prepare });
  scope.defer(() => pool.close());
  await proveApiRole(pool);

  const pipeline = await openPipeline({
    ...{ connectionString, prepare, size: config.poolSize },
    application: `${application} records`,
  });
  scope.defer(() => pipeline.close());

  const registry = await openRegistry({
    ...{ pool, connectionString, observe, now: Date.now, serve: config.serve },
  });
  scope.defer(() => registry.close());
  const shared = await openSharedState({ config, pool, observe, metrics });
  scope.defer(shared.close);
  scope.defer(sweepIdempotencyKeys(pool, (cause) => observe({ type: 'store.failed', cause })));

  const newId = createUuidSource({ now: Date.now, randomFill: (bytes) => randomFillSync(bytes) });
  const workflows = createWorkflowAccess(config);
  scope.defer(() => workflows.close());

  const {
    store: resources,
    secrets,
    kubernetes,
    close,
  } = await openResourceStore(config, pool, {
    servesStale: true,
  });
  scope.defer(close);
  if (kubernetes !== undefined) scope.defer(followResources(resources, observe));

  const outbound = openOutbound({ allowed: config.outboundAllow });
  scope.defer(() => outbound.close());
  const keySets = createKeySets({ outbound, observe, now: () => performance.now() });
  const tokens = createTokenFunction(keySets);
  const sessions = openSessions({ config, pool, outbound, secrets, observe, newId });
  scope.defer(keepSwept(pool, (cause) => observe({ type: 'store.failed', cause })));

  const drift = watchDrift(pool, (cause) => observe({ type: 'store.failed', cause }));
  scope.defer(drift.stop);

  const onError = (cause: unknown) => observe({ type: 'store.failed', cause });
  const quotas = openRecordQuotas({ pool, now: Date.now, onError });
  const keyUse = openKeyUse({ pool, now: Date.now, onError });
  scope.defer(() => keyUse.close());
  const drain: DrainState = { phase: 'serving' };
  const app = buildApp({
    records: { pipeline, pool, newId, cursorSecret: config.cursorSecret, now: Date.now, quotas },
    registry,
    authenticator: createAuthenticator({
      functions: {
        jwt: tokens,
        oidc: acceptSessionsAndTokens(sessions?.authenticate, tokens),
        ...(config.allowNone && { none: authenticateNobody }),
      },
      admit: requireUnrevoked(
        shared.revocations,
        createFailModeAudit({ pool, now: Date.now, onError }),
      ),
    }),
    revocations: shared.revocations,
    limits: shared.limits,
    sessions,
    failedAttempts: createFailedAttempts({ now: () => performance.now() }),
    keyUse,
    trustedProxies: config.trustedProxies,
    resources,
    secrets,
    pool,
    observer,
    version: await readVersion(),
    now: Date.now,
    newId,
    randomBytes,
    drain,
    recordDenial: (denial) => recordDenial(pool, denial),
    serveMetrics: config.metricsPort === undefined,
    workflows: workflows.list,
    decidePlan: workflows.decidePlan,
    drift: drift.figures,
  });
  exposeFigures(metrics, { pool, pipeline, registry, resources, drift: drift.figures });
  const closeMetrics = await serveMetrics({ config, metrics });
  scope.defer(closeMetrics);

  const address = await app.listen({ host: config.host, port: config.port });
  observe({ type: 'process.started', address });

  await untilAborted(signal);
  observe({ type: 'process.draining' });
  await drainServer(app.server, drain);
  await app.close();
  observe({ type: 'process.stopped', ms: Math.round(performance.now() - startedAt) });
}

interface ExposedParts {
  readonly pool: Pool;
  readonly pipeline: Pipeline;
  readonly registry: Registry;
  readonly resources: ResourceStore;
  readonly drift: () => DriftFigures;
}

function exposeFigures(
  metrics: Metrics,
  { pool, pipeline, registry, resources, drift }: ExposedParts,
): void {
  metrics.gauges({
    name: 'velocity_pool_connections',
    help: 'Database connections by pool and state.',
    labelNames: ['pool', 'state'],
    read: async () => {
      const { total, idle, waiting } = pool.figures();
      const { connections, inFlight } = pipeline.figures();
      return [
        { labels: { pool: 'platform', state: 'idle' }, value: idle },
        { labels: { pool: 'platform', state: 'busy' }, value: total - idle },
        { labels: { pool: 'platform', state: 'waiting' }, value: waiting },
        { labels: { pool: 'records', state: 'open' }, value: connections },
        { labels: { pool: 'records', state: 'in-flight' }, value: inFlight },
      ];
    },
  });
  metrics.gauge(
    'velocity_registry_age_seconds',
    'Since the registry was last read.',
    () => registry.ageMs() / 1_000,
  );
  metrics.gauge(
    'velocity_registry_schemas',
    'Schemas served.',
    () => registry.snapshot().schemas.size,
  );
  metrics.gauges({
    name: 'velocity_schema_drift',
    help: 'Schemas whose table is not as their active revision says, by what differs.',
    labelNames: ['kind'],
    read: async () =>
      drift().byKind.map(({ kind, schemas }) => ({ labels: { kind }, value: schemas })),
  });
  metrics.gauge(
    'velocity_schema_drift_age_seconds',
    'Since the comparison with the catalogue that is longest ago.',
    () => drift().ageSeconds ?? 0,
  );
  metrics.gauges({
    name: 'velocity_resources',
    help: 'Resources by kind and phase.',
    labelNames: ['kind', 'phase'],
    read: async () =>
      (await resources.count()).map(({ kind, phase, resources }) => ({
        labels: { kind, phase },
        value: resources,
      })),
  });
  metrics.gauges({
    name: 'velocity_reconcile_waiting',
    help: 'Resources whose last change has not been reconciled yet, by kind and phase.',
    labelNames: ['kind', 'phase'],
    read: async () =>
      (await resources.count()).map(({ kind, phase, waiting }) => ({
        labels: { kind, phase },
        value: waiting,
      })),
  });
}

/** So that figures, and reads while the API server is away, are answered by what was seen last. */
function followResources(resources: ResourceStore, observe: Observe): () => Promise<void> {
  const stop = new AbortController();
  const watching = resources.watch(
    {
      onKey: () => undefined,
      onDisconnect: (cause) => observe({ type: 'watch.disconnected', cause }),
    },
    stop.signal,
  );
  return () => {
    stop.abort();
    return watching;
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The package's version; its manifest is two levels up, from `src/` as from `dist/`. */
async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
