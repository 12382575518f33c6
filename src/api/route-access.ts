import type { FastifyInstance } from 'fastify';
import type { Identity } from '../contract/identity.ts';
import type { Operation } from '../contract/kinds.ts';
import type { RequestTiming } from './plugins/server-timing.ts';

/**
 * Who may call a route: anybody; a caller on this machine; or a caller with credentials, whose
 * rights are then decided per operation by the record commands (`record`), by platform-access.ts
 * (`platform`), or by what the answer contains (`caller`).
 */
export type RouteAccess = 'public' | 'loopback' | 'caller' | 'record' | 'platform';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
    /** What a request for records may do to them: its strategy is that of the first that applies. */
    operations?: readonly Exclude<Operation, '*'>[];
    /** Counts under this limit of its own as well. */
    limit?: 'search';
    /** Media types of the body; JSON alone when absent. */
    bodyTypes?: readonly string[];
    /** The handler is given a function that parses the body, and calls it when it has room. */
    parsesBody?: boolean;
  }
  interface FastifyRequest {
    /** Set for every route whose access asks for credentials. */
    identity: Identity | null;
    /** SHA-256 of the raw body, where an idempotency key came with it. */
    bodyHash: Buffer | null;
    /** The code of the refusal, for the log and the metrics. */
    errorCode: string | null;
    /** Null for whoever may not see it. */
    timing: RequestTiming | null;
  }
}

const rules: ReadonlySet<unknown> = new Set<RouteAccess>([
  'public',
  'loopback',
  'caller',
  'record',
  'platform',
]);

/** A route without an access rule does not start: forgetting one must not open it. */
export function requireRouteAccess(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (!rules.has(route.config?.access)) {
      throw new Error(`route ${String(route.method)} ${route.url} has no access rule`);
    }
  });
}
