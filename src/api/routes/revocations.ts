import type { FastifyInstance, FastifyRequest } from 'fastify';
import { auditEvent } from '../../audit/audit-event.ts';
import type { Revocation } from '../../auth/revocation.ts';
import { keepRevocation } from '../../auth/sql/keep-revocation.ts';
import { liftRevocation } from '../../auth/sql/lift-revocation.ts';
import { listRevocations } from '../../auth/sql/list-revocations.ts';
import { VelocityError } from '../../errors.ts';
import type { AppDeps } from '../app-deps.ts';
import { isRevokedKind, parseRevocation } from '../platform/parse-revocation.ts';
import type { PlatformAccess } from '../platform/platform-access.ts';
import { decidePlatformAccess } from '../platform/platform-access.ts';
import { latestEnd, requireMayRestore, requireMayRevoke } from '../platform/revocation-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams, singleParam } from '../request-params.ts';

const root = '/api/platform/revocations';
const config = { access: 'platform' } as const;
const noParams = new Set<string>();
const organisationParams = new Set(['organisation']);

/** Actors, tokens and sessions that may no longer come in. Keys have a route of their own. */
export function addRevocationRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.post(root, { config }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const wanted = parseRevocation(request.body, deps.now());
    const access = accessOf(deps, request);
    const snapshot = deps.registry.snapshot();
    const { kind, id, reason } = wanted;
    const revoked = { organisation: wanted.organisation ?? access.organisation, kind, id };
    requireMayRevoke(access, snapshot, revoked);
    const revocation: Revocation = {
      ...revoked,
      endsAt: wanted.endsAt ?? latestEnd(snapshot, revoked, deps.now()),
    };
    await deps.revocations.revoke([revocation], async (tx) => {
      await keepRevocation(tx, revocation, { by: access.actor, reason });
      await auditEvent(tx, {
        ...{ identity: identityOf(request), requestId: request.id, reason },
        ...{ organisation: revoked.organisation, operation: 'revoke', outcome: 'ok' },
        payload: { kind, id },
      });
    });
    reply.code(201);
    return { data: viewOf(revocation), requestId: request.id };
  });

  app.get(root, { config }, async (request) => {
    const query = queryOf(request);
    requireKnownParams(query, organisationParams);
    const access = accessOf(deps, request);
    const organisation = singleParam(query, 'organisation') ?? access.organisation;
    requireMayRestore(access, organisation);
    return { data: await listRevocations(deps.pool, organisation), requestId: request.id };
  });

  app.delete(`${root}/:kind/:id`, { config }, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, organisationParams);
    const access = accessOf(deps, request);
    const organisation = singleParam(query, 'organisation') ?? access.organisation;
    requireMayRestore(access, organisation);
    const { kind, id } = request.params as { kind: string; id: string };
    if (!isRevokedKind(kind) || kind === 'key') throw missing(kind, id);
    const revoked = { organisation, kind, id };
    // Asked again after Redis was away, there is nothing left to delete here, and still there.
    await deps.revocations.restore(revoked, async (tx) => {
      if (!(await liftRevocation(tx, revoked))) return;
      await auditEvent(tx, {
        ...{ identity: identityOf(request), requestId: request.id },
        ...{ organisation, operation: 'restore-access', outcome: 'ok' },
        payload: { kind, id },
      });
    });
    return reply.code(204).send();
  });
}

function accessOf(deps: AppDeps, request: FastifyRequest): PlatformAccess {
  return decidePlatformAccess(identityOf(request), deps.registry.snapshot(), deps.now());
}

function viewOf({ endsAt, ...revoked }: Revocation) {
  return { ...revoked, endsAt: endsAt === undefined ? null : new Date(endsAt).toISOString() };
}

function missing(kind: string, id: string): VelocityError {
  return new VelocityError('ENTITY_NOT_FOUND', `There is no revocation of ${kind} "${id}".`);
}
