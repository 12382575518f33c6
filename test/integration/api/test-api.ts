import { randomBytes } from 'node:crypto';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import { buildApp } from '../../../src/api/app.ts';
import type { AppDeps } from '../../../src/api/app-deps.ts';
import { createFailModeAudit } from '../../../src/audit/note-fail-mode.ts';
import { recordDenial } from '../../../src/audit/record-denial.ts';
import { createAuthenticator } from '../../../src/auth/authenticate.ts';
import { authenticateNobody } from '../../../src/auth/authenticate-nobody.ts';
import { ensureBootstrapKey } from '../../../src/auth/bootstrap-key.ts';
import type { KeyOwner } from '../../../src/auth/issue-key.ts';
import { issueKey } from '../../../src/auth/issue-key.ts';
import { createTokenFunction } from '../../../src/auth/jwt/authenticate-token.ts';
import { createKeySets } from '../../../src/auth/jwt/key-sets.ts';
import { requireUnrevoked } from '../../../src/auth/require-unrevoked.ts';
import { openRevocations } from '../../../src/auth/revocations.ts';
import type { Observation } from '../../../src/observe.ts';
import { createMetrics } from '../../../src/observe.ts';
import { openRecordQuotas } from '../../../src/records/record-quotas.ts';
import { openOutbound } from '../../../src/resources/outbound/outbound.ts';
import { openPostgresStore } from '../../../src/resources/postgres/postgres-store.ts';
import { openRegistry } from '../../../src/resources/registry/registry.ts';
import { createListenTo } from '../../../src/store/listen.ts';
import { openPipeline } from '../../../src/store/pipeline.ts';
import type { Pool } from '../../../src/store/pool.ts';
import { openPool } from '../../../src/store/pool.ts';
import type { TestTenant } from '../../support/manifests.ts';
import { manifest, testTenant } from '../../support/manifests.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { createTestDatabase, uniqueName } from '../../support/postgres.ts';
import { provision } from '../../support/provision.ts';

export interface TestApi {
  readonly app: FastifyInstance;
  readonly deps: AppDeps;
  readonly tenant: TestTenant;
  readonly database: TestDatabase;
  /** Logs in as velocity_operator. */
  readonly operator: Pool;
  /** What the worker would work with, for tests that run activities themselves. */
  readonly activities: ActivityDeps;
  readonly adminKey: string;
  readonly observed: Observation[];
  /** Address of a schema of the tenant. */
  path(object: string): string;
  /** Applies manifests and provisions them as the worker would, without Temporal. */
  provide(...manifests: object[]): Promise<void>;
  /** A key for an actor with these roles in the tenant's domain. */
  keyFor(actor: string, roles: string[], more?: Partial<KeyOwner>): Promise<string>;
  call(key: string | undefined, request: InjectOptions): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

/** Where tests run the servers that users would have elsewhere. */
const outboundAllow = ['127.0.0.1', 'localhost'];

/**
 * A whole API over a database of its own, with one organisation; only the port is missing. `given` is
 * a database on a server that the caller wants to do something to.
 */
export async function openTestApi(given?: TestDatabase): Promise<TestApi> {
  const database = given ?? (await createTestDatabase());
  const { apiUrl, operatorUrl } = database;
  const operator = openPool({ connectionString: operatorUrl, application: 'test operator' });
  const pool = openPool({ connectionString: apiUrl, application: 'test api' });
  const pipeline = await openPipeline({ connectionString: apiUrl, application: 'test api' });
  const observed: Observation[] = [];
  const observe = (observation: Observation) => void observed.push(observation);
  const registry = await openRegistry({ pool, connectionString: apiUrl, observe, now: Date.now });
  const revocations = await openRevocations({
    ...{ pool, connectionString: apiUrl, observe, now: Date.now },
  });
  const onError = (cause: unknown) => observe({ type: 'store.failed', cause });
  const outbound = openOutbound({ allowed: outboundAllow });
  const keySets = createKeySets({ outbound, observe, now: () => performance.now() });
  const deps: AppDeps = {
    records: {
      ...{ pipeline, pool, newId: uuidv7, cursorSecret: 'c'.repeat(32), now: Date.now },
      quotas: openRecordQuotas({ pool, now: Date.now, onError }),
    },
    revocations,
    registry,
    authenticator: createAuthenticator({
      functions: { jwt: createTokenFunction(keySets), none: authenticateNobody },
      admit: requireUnrevoked(revocations, createFailModeAudit({ pool, now: Date.now, onError })),
    }),
    resources: openPostgresStore({ pool, connectionString: apiUrl, outboundAllow }),
    pool,
    observer: { observe, metrics: createMetrics() },
    version: '0.0.0-test',
    now: Date.now,
    newId: uuidv7,
    randomBytes,
    drain: { phase: 'serving' },
    recordDenial: (denial) => recordDenial(pool, denial),
    serveMetrics: true,
  };
  const app = buildApp(deps);
  const adminKey = await ensureBootstrapKey(operatorUrl, { env: 'test' });
  const tenant = testTenant(uniqueName('acme'));
  const store = openPostgresStore({
    ...{ pool: operator, connectionString: operatorUrl, outboundAllow },
  });
  const listenTo = createListenTo(operatorUrl);
  const activities: ActivityDeps = {
    ...{ store, pool: operator, listenTo },
    now: () => new Date(),
    random: Math.random,
  };

  const api: TestApi = {
    app,
    deps,
    tenant,
    database,
    operator,
    activities,
    adminKey,
    observed,
    path: (object) => `/api/${tenant.organisation}/shop/sales/${object}/v1`,
    provide: async (...manifests) => {
      for (const { resource } of await store.apply(manifests))
        await provision(activities, resource);
      await registry.refresh();
    },
    keyFor: async (actor, roles, more = {}) => {
      const { namespace, organisation } = tenant;
      if (roles.length > 0) {
        await api.provide(manifest('RoleBinding', actor, namespace, { actorId: actor, roles }));
      }
      const owner = { namespace, name: `${actor}-${uniqueName('key')}`, organisation, actor };
      const text = await operator.transaction((tx) =>
        issueKey(tx, { ...owner, actorType: 'user', ...more }, { env: 'test', randomBytes }),
      );
      await registry.refresh();
      return text;
    },
    call: (key, request) =>
      app.inject({
        ...request,
        headers: {
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...request.headers,
        },
      }),
    close: async () => {
      await app.close();
      await registry.close();
      await revocations.close();
      await outbound.close();
      await Promise.all([pipeline.close(), pool.close(), operator.close()]);
      await database.drop();
    },
  };
  await api.provide(...tenant.base);
  return api;
}
