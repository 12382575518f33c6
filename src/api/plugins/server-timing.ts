import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { mayDiagnose } from '../../auth/diagnostics.ts';
import type { RecordsDeps } from '../../records/request-context.ts';
import type { AppDeps } from '../app-deps.ts';

/** Milliseconds since the request arrived, or how long something took. Only for who may see it. */
export interface RequestTiming {
  authenticatedMs: number;
  /** The body was read and parsed. */
  handledMs: number;
  dbFirstMs: number | undefined;
  dbMs: number;
  /** On the clock of the figures above. */
  elapsedMs(): number;
}

/**
 * `Server-Timing` for callers with the diagnostics role. Whoever has not got it costs one look-up of
 * the domain and is timed nowhere. Installed after authentication.
 */
export function installServerTiming(app: FastifyInstance, deps: AppDeps): void {
  app.decorateRequest('timing', null);
  app.addHook('onRequest', (request, reply, done) => {
    const { identity } = request;
    if (identity !== null) {
      const question = { namespace: namespaceOf(request), nowMs: deps.now() };
      if (mayDiagnose(identity, deps.registry.snapshot(), question)) startTiming(request, reply);
    }
    done();
  });
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.timing !== null) request.timing.handledMs = request.timing.elapsedMs();
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.timing !== null) reply.header('server-timing', formatTiming(request.timing));
    done(null, payload);
  });
}

/** The same parts, whose work for this request is timed where somebody may see it. */
export function timedRecords(deps: RecordsDeps, timing: RequestTiming | null): RecordsDeps {
  if (timing === null) return deps;
  const { pipeline, pool } = deps;
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const startedMs = timing.elapsedMs();
    timing.dbFirstMs ??= startedMs;
    try {
      return await work();
    } finally {
      timing.dbMs += timing.elapsedMs() - startedMs;
    }
  };
  return {
    ...deps,
    pipeline: {
      ...pipeline,
      transact: (context, statements) => timed(() => pipeline.transact(context, statements)),
    },
    pool: {
      ...pool,
      query: (statement) => timed(() => pool.query(statement)),
      transaction: (work) => timed(() => pool.transaction(work)),
    },
  };
}

function startTiming(request: FastifyRequest, reply: FastifyReply): void {
  const elapsedMs = (): number => reply.elapsedTime;
  const authenticatedMs = elapsedMs();
  request.timing = {
    ...{ authenticatedMs, handledMs: authenticatedMs },
    ...{ dbFirstMs: undefined, dbMs: 0, elapsedMs },
  };
}

/** `plan` is what came before the first statement: rights, validation, the SQL. */
function formatTiming(timing: RequestTiming): string {
  const { authenticatedMs, handledMs, dbFirstMs, dbMs } = timing;
  const stages: [string, number][] = [
    ['auth', authenticatedMs],
    ['body', handledMs - authenticatedMs],
  ];
  if (dbFirstMs !== undefined) stages.push(['plan', dbFirstMs - handledMs], ['db', dbMs]);
  stages.push(['total', timing.elapsedMs()]);
  return stages.map(([name, ms]) => `${name};dur=${ms.toFixed(3)}`).join(', ');
}

/** Of the domain that a request is about, by its address. */
function namespaceOf({ params }: FastifyRequest): string | undefined {
  const { org, app, domain, namespace } = params as Record<string, string | undefined>;
  return domain === undefined ? namespace : `${org}-${app}-${domain}`;
}
