import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config.ts';
import { readConfig } from '../config.ts';
import type { Observe } from '../observe.ts';
import { openObserver } from '../observe.ts';
import { runOperator } from '../operator/operator.ts';
import { createWorkflowStarter } from '../operator/start-workflow.ts';
import { openPostgresStore } from '../resources/postgres/postgres-store.ts';
import { openPool } from '../store/pool.ts';
import { serveMetrics } from './metrics-server.ts';
import { onStopSignals } from './stop-signals.ts';

/** gRPC would wait up to two minutes before it looks for a Temporal that was away. */
const reconnectWithinMs = 2_000;

/** `velocity operator`: watches resources and starts their workflows until SIGTERM. */
export async function run(argv: string[]): Promise<number> {
  parseArgs({ args: argv, options: {} });
  const config = readConfig();
  const { observe, metrics, flush } = openObserver({
    process: 'operator',
    logLevel: config.logLevel,
  });
  using stop = onStopSignals({
    asked: () => observe({ type: 'process.draining' }),
    force: () => process.exit(1),
  });
  const closeMetrics = await serveMetrics({ config, metrics });
  try {
    await operate({ config, observe, signal: stop.signal });
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
  signal: AbortSignal;
}): Promise<void> {
  const { config, observe, signal } = options;
  const pool = openPool({
    connectionString: config.databaseUrl,
    size: config.poolSize,
    application: 'velocity operator',
    prepare: config.prepare,
  });
  const store = openPostgresStore({ pool, connectionString: config.databaseUrl });
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
    await runOperator({
      store,
      starter,
      observe,
      now: () => new Date(),
      random: Math.random,
      signal,
    });
  } finally {
    await connection.close();
    await pool.close();
  }
}
