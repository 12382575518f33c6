import type { Logger } from 'pino';
import { pino } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LogLevel } from './config.ts';

/**
 * Everything worth telling, as one closed union: the log line and the metric of a thing are both
 * made from it, so they cannot disagree. No variant carries a payload, a key or a field's value.
 */
export type Observation =
  | { type: 'process.started'; address?: string; version?: string }
  | { type: 'process.refused'; cause: unknown }
  | { type: 'process.draining'; inFlight?: number; signal?: string }
  | { type: 'process.stopped'; ms?: number }
  | RequestFinished
  | { type: 'request.failed'; requestId: string; cause: unknown }
  | { type: 'access.denied'; requestId: string; code: string; organisation: string; actor: string }
  | { type: 'sign-in.failed'; requestId: string; cause: unknown }
  | { type: 'session.refresh-failed'; strategy: string; cause: unknown }
  | { type: 'session.logout-failed'; strategy: string; cause: unknown }
  | { type: 'registry.loaded'; schemas: number; bindings: number; keys: number; ms: number }
  | { type: 'registry.failed'; cause: unknown }
  // Of a token issuer's keys, when they were asked for.
  | { type: 'keyset.fetched'; issuer: string; keys: number; ms: number }
  | { type: 'keyset.failed'; issuer: string; cause: unknown }
  | { type: 'listen.connected'; channels: readonly string[] }
  | { type: 'listen.disconnected'; cause: unknown }
  // Of Redis, once for each time that it goes or comes; and of telling it, or this process, what is revoked.
  | { type: 'redis.connected' }
  | { type: 'redis.lost'; cause: unknown }
  | { type: 'revocations.failed'; cause: unknown }
  | { type: 'store.retried'; code: string; attempt: number }
  | { type: 'store.failed'; cause: unknown }
  | { type: 'watch.synced'; resources: number; ms: number }
  | { type: 'watch.disconnected'; cause: unknown }
  // Of the operator, in a cluster.
  | { type: 'leadership.gained' }
  | { type: 'leadership.lost' }
  | { type: 'workflow.started'; workflowId: string; workflow: string }
  | { type: 'workflow.start-failed'; workflowId: string; workflow: string; cause: unknown }
  | ({ type: 'reconcile.started' } & Reconciled)
  | ({ type: 'reconcile.finished'; outcome: string; ms: number; message?: string } & Reconciled)
  | ({ type: 'reconcile.failed'; cause: unknown } & Reconciled)
  | { type: 'schedules.registered'; schedules: readonly string[] }
  | { type: 'schedules.failed'; cause: unknown }
  // Of the worker: the connection to Temporal, and what the SDK itself logs from WARN up.
  | { type: 'temporal.lost'; cause: unknown }
  | {
      type: 'temporal.logged';
      severity: string;
      message: string;
      workflowId?: unknown;
      activityType?: unknown;
      cause?: unknown;
    }
  // The webhook's: made or read anew, or left as they were because something was in the way.
  | { type: 'certificates.renewed' }
  | { type: 'certificates.failed'; cause: unknown }
  | { type: 'deployments.failed'; cause: unknown }
  | { type: 'manifest.applied'; source: string; outcome: string; resource: string }
  | { type: 'manifest.refused'; source: string; message: string };

interface Reconciled {
  kind: string;
  namespace: string;
  name: string;
}

export interface RequestFinished {
  type: 'request.finished';
  requestId: string;
  method: string;
  /** The pattern, never the path: it is a metric's label. */
  route: string;
  status: number;
  ms: number;
  /** The code of a refused request. */
  code?: string | undefined;
  organisation?: string | undefined;
  actor?: string | undefined;
}

export type Observe = (observation: Observation) => void;

interface LogLine {
  readonly level: Exclude<LogLevel, 'silent'>;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The line that an observation leaves in the log. */
export function toLogLine(observation: Observation): LogLine {
  const { type, ...fields } = observation;
  return { level: levelOf(observation), message: type, fields };
}

function levelOf(observation: Observation): LogLine['level'] {
  switch (observation.type) {
    case 'request.finished':
      return observation.status >= 500 ? 'warn' : 'info';
    case 'request.failed':
    case 'reconcile.failed':
    case 'registry.failed':
    case 'store.failed':
    case 'revocations.failed':
    case 'certificates.failed':
    case 'deployments.failed':
      return 'error';
    case 'process.refused':
      return 'fatal';
    case 'listen.disconnected':
    case 'redis.lost':
    case 'watch.disconnected':
    case 'workflow.start-failed':
    case 'schedules.failed':
    case 'keyset.failed':
    case 'temporal.lost':
    case 'temporal.logged':
    case 'manifest.refused':
    case 'sign-in.failed':
    case 'session.refresh-failed':
    case 'session.logout-failed':
      return 'warn';
    case 'registry.loaded':
    case 'keyset.fetched':
    case 'workflow.started':
    case 'reconcile.started':
    case 'store.retried':
    case 'watch.synced':
      return 'debug';
    default:
      return 'info';
  }
}

export interface Observer {
  readonly observe: Observe;
  readonly metrics: Metrics;
  /** Writes what is still buffered; call it last. */
  flush(): Promise<void>;
}

/** One logger and one set of metrics for a process; `process` names it on every line. */
export function openObserver(options: { process: string; logLevel: LogLevel }): Observer {
  const destination = pino.destination({ dest: 1, sync: false, minLength: logBufferBytes });
  const logger = pino(
    {
      level: options.logLevel,
      base: { process: options.process },
      serializers: { cause: causeText },
    },
    destination,
  );
  const metrics = createMetrics();
  // Buffered lines leave at least once a second, also when there is little to say.
  const timer = setInterval(() => destination.flush(), logFlushMs);
  timer.unref();
  return {
    observe: (observation) => {
      writeLog(logger, observation);
      metrics.count(observation);
    },
    metrics,
    flush: () =>
      new Promise((resolve) => {
        clearInterval(timer);
        destination.flush(() => resolve());
      }),
  };
}

/** One write per 4 KiB instead of per line: a line costs 2 µs instead of 9. */
const logBufferBytes = 4_096;
const logFlushMs = 250;

function writeLog(logger: Logger, observation: Observation): void {
  if (!logger.isLevelEnabled(levelOf(observation))) return;
  const { level, message, fields } = toLogLine(observation);
  logger[level](fields, message);
}

/** Error and its causes, with the stack of the outermost; nothing of what a caller sent. */
function causeText(cause: unknown): unknown {
  if (!(cause instanceof Error)) return String(cause);
  const chain: string[] = [];
  for (let next: unknown = cause.cause; next instanceof Error && chain.length < 5; ) {
    chain.push(safeMessage(next));
    next = next.cause;
  }
  const frames = cause.stack?.split('\n    at ').slice(1).join('\n    at ');
  return { message: safeMessage(cause), stack: frames, causedBy: chain };
}

/** Postgres repeats a caller's value in messages about data (class 22) and constraints (class 23). */
function safeMessage(error: Error): string {
  const { code, routine, constraint } = error as Error & Record<string, unknown>;
  const repeatsValues = typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code);
  if (!repeatsValues) return error.message;
  return ['SQLSTATE', code, routine, constraint].filter(Boolean).join(' ');
}

export interface Metrics {
  readonly contentType: string;
  /** The Prometheus text format. */
  text(): Promise<string>;
  count(observation: Observation): void;
  /** A figure read at scrape time, the pool's for example. */
  gauge(name: string, help: string, read: () => number): void;
  /** Figures by label, read at scrape time; the reader bounds the labels' values. */
  gauges(gauge: LabelledGauge): void;
}

export interface LabelledGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  read(): Promise<readonly { labels: Record<string, string>; value: number }[]>;
}

/** HTTP times in seconds: a get takes half a millisecond, a bulk some seconds. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of one process; every label's values are bounded by code, kind or route pattern. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'velocity_' });
  const requests = new Histogram({
    name: 'velocity_http_request_seconds',
    help: 'Time to answer, by route pattern.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: secondsBuckets,
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'velocity_http_errors_total',
    help: 'Answers that carry an error, by code.',
    labelNames: ['code'] as const,
    registers: [registry],
  });
  const reconciles = new Histogram({
    name: 'velocity_reconcile_seconds',
    help: 'Time of one reconcile, by kind and outcome.',
    labelNames: ['kind', 'outcome'] as const,
    buckets: secondsBuckets,
    registers: [registry],
  });
  const workflows = new Counter({
    name: 'velocity_workflow_starts_total',
    help: 'Workflow starts, by workflow and result.',
    labelNames: ['workflow', 'result'] as const,
    registers: [registry],
  });
  const retries = new Counter({
    name: 'velocity_store_retries_total',
    help: 'Transactions that were tried again, by error code.',
    labelNames: ['code'] as const,
    registers: [registry],
  });
  const events = new Counter({
    name: 'velocity_events_total',
    help: 'Everything else worth counting, by type.',
    labelNames: ['type'] as const,
    registers: [registry],
  });
  // Hashing three labels costs more than the observation itself: children are kept by route.
  const children = new Map<string, { observe(seconds: number): void }>();

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    gauges: ({ name, help, labelNames, read }) => {
      new Gauge({
        name,
        help,
        labelNames,
        registers: [registry],
        async collect() {
          // A scrape must not fail because the database does: the figures are then missing.
          const figures = await read().catch(() => []);
          this.reset();
          for (const { labels, value } of figures) this.set(labels, value);
        },
      });
    },
    count: (observation) => {
      switch (observation.type) {
        case 'request.finished': {
          const { method, route, status } = observation;
          const key = `${method} ${route} ${status}`;
          let child = children.get(key);
          if (child === undefined) {
            child = requests.labels({ method, route, status: String(status) });
            children.set(key, child);
          }
          child.observe(observation.ms / 1_000);
          if (observation.code !== undefined) refusals.inc({ code: observation.code });
          return;
        }
        case 'reconcile.finished':
          reconciles.observe(
            { kind: observation.kind, outcome: observation.outcome },
            observation.ms / 1_000,
          );
          return;
        case 'workflow.started':
        case 'workflow.start-failed': {
          const result = observation.type === 'workflow.started' ? 'started' : 'failed';
          workflows.inc({ workflow: observation.workflow, result });
          return;
        }
        case 'store.retried':
          retries.inc({ code: observation.code });
          return;
        default:
          events.inc({ type: observation.type });
      }
    },
  };
}
