import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RateCounters, RateLimit, RateStanding } from '../../auth/rate-counters.ts';
import type { Identity } from '../../contract/identity.ts';
import { VelocityError } from '../../errors.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import type { AppDeps } from '../app-deps.ts';

const minuteMs = 60_000;
const secondMs = 1_000;

export interface RateLimits {
  readonly counters: RateCounters;
  /** Requests a minute of each actor; undefined: as many as they like. */
  readonly actor: number | undefined;
  /** Searches among them. */
  readonly search: number | undefined;
}

/**
 * 429 to whoever has had enough, before the body is read. Installed after authentication: who is not
 * known is not counted here. Names and form of the headers: draft-ietf-httpapi-ratelimit-headers-10.
 */
export function installRateLimits(app: FastifyInstance, deps: AppDeps): void {
  const { limits } = deps;
  if (limits === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    const { identity } = request;
    if (identity === null) return done();
    const applicable = limitsOf(limits, request, identity, deps.registry.snapshot());
    if (applicable.length === 0) return done();
    const { exceeded, standings } = limits.counters.count(applicable);
    writeHeaders(reply, standings);
    done(exceeded && rateLimited(exceeded));
  });
}

function limitsOf(
  { actor, search }: RateLimits,
  request: FastifyRequest,
  identity: Identity,
  { quotas }: RegistrySnapshot,
): RateLimit[] {
  const { organisation } = identity;
  const found: RateLimit[] = [];
  const subject = `${organisation}/${identity.actor}`;
  if (actor !== undefined) {
    found.push({ policy: 'actor', subject, quota: actor, windowMs: minuteMs });
  }
  if (search !== undefined && request.routeOptions.config.limit === 'search') {
    found.push({ policy: 'search', subject, quota: search, windowMs: minuteMs });
  }
  // Without a quota anywhere there is nothing to look up.
  if (quotas.size === 0) return found;
  const ofOrganisation = quotas.get(organisation)?.requestsPerSecond;
  if (ofOrganisation !== undefined) {
    found.push({
      ...{ policy: 'organisation', subject: organisation },
      ...{ quota: ofOrganisation, windowMs: secondMs },
    });
  }
  // Strangers, who get a 404, do not use up the quota of an application that is not theirs.
  const { org, app } = request.params as Readonly<Record<string, string | undefined>>;
  const application = `${org}/${app}`;
  const ofApplication =
    org === organisation ? quotas.get(application)?.requestsPerSecond : undefined;
  if (ofApplication !== undefined) {
    found.push({
      ...{ policy: 'application', subject: application },
      ...{ quota: ofApplication, windowMs: secondMs },
    });
  }
  return found;
}

function writeHeaders(reply: FastifyReply, standings: readonly RateStanding[]): void {
  const policies: string[] = [];
  const left: string[] = [];
  for (const { limit, remaining, resetMs } of standings) {
    policies.push(`"${limit.policy}";q=${limit.quota};w=${limit.windowMs / secondMs}`);
    left.push(`"${limit.policy}";r=${remaining};t=${Math.ceil(resetMs / secondMs)}`);
  }
  reply.header('ratelimit-policy', policies.join(', '));
  reply.header('ratelimit', left.join(', '));
}

const whose = {
  actor: 'You have sent',
  search: 'You have sent',
  application: 'This application has taken',
  organisation: 'Your organisation has sent',
} as const;

function rateLimited({ limit, resetMs }: RateStanding): VelocityError {
  const { policy, quota, windowMs } = limit;
  const what = policy === 'search' ? 'searches' : 'requests';
  const unit = windowMs === secondMs ? 'second' : 'minute';
  return new VelocityError(
    'RATE_LIMITED',
    `${whose[policy]} ${quota} ${what} in this ${unit}, which is the limit.`,
    {
      details: { policy, quota, windowSeconds: windowMs / secondMs },
      hint: 'Wait for the seconds in Retry-After, then send it again.',
      headers: { 'retry-after': String(Math.max(1, Math.ceil(resetMs / secondMs))) },
    },
  );
}
