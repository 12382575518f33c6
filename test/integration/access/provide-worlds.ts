import { randomBytes } from 'node:crypto';
import { hashApiKey, mintApiKey } from '../../../src/auth/api-key.ts';
import type { VelocityError } from '../../../src/errors.ts';
import { manifest } from '../../support/manifests.ts';
import { provision } from '../../support/provision.ts';
import type { TestApi } from '../api/test-api.ts';
import { connect } from '../records/trail.ts';
import type { Caller, Standing, World } from './world.ts';

/** The key or token of every caller of some worlds. */
export type Keys = ReadonlyMap<Caller, string>;

const ended = '2020-01-01T00:00:00Z';
const far = '2100-01-01T00:00:00Z';

export interface ProvideOptions {
  readonly rivalNamespace: string;
  /** A token of the issuer that the schemas believe. */
  readonly sign: (caller: Caller) => string;
}

/**
 * Schemas as their plan makes them, without Temporal, and their callers. Bindings and keys are put
 * where the worker would put them, ten thousand being too many resources for a test.
 */
export async function provideWorlds(
  api: TestApi,
  worlds: readonly World[],
  { rivalNamespace, sign }: ProvideOptions,
): Promise<Keys> {
  const { namespace, organisation } = api.tenant;
  const manifests = worlds.map(({ name, spec }) =>
    manifest('SchemaDefinition', name, namespace, spec),
  );
  const applied = await api.activities.store.apply(manifests).catch((error: VelocityError) => {
    throw new Error(JSON.stringify(error.details), { cause: error });
  });
  for (const { resource } of applied) await provision(api.activities, resource);

  const keys = new Map<Caller, string>();
  const bindings: object[] = [];
  const rows: object[] = [];
  for (const caller of worlds.flatMap(({ callers }) => callers)) {
    if (caller.platformAdmin) {
      keys.set(caller, api.adminKey);
      continue;
    }
    const at = caller.organisation === organisation ? namespace : rivalNamespace;
    caller.bindings.forEach(({ roles, scopes, standing }, index) => {
      bindings.push({
        ...{ namespace: at, name: `${caller.actor}-${index}`, organisation: caller.organisation },
        ...{ actor_id: caller.actor, roles, scopes, ...endOf(standing) },
      });
    });
    if (caller.token !== undefined) {
      keys.set(caller, sign(caller));
      continue;
    }
    const key = mintApiKey('test', randomBytes);
    keys.set(caller, key);
    rows.push({
      ...{ namespace: at, name: caller.actor, organisation: caller.organisation },
      ...{ key_hash: hashApiKey(key).toString('hex'), actor: caller.actor, actor_type: 'user' },
      ...{ scopes: caller.key.scopes, ...endOf(caller.key.standing) },
    });
  }
  const superuser = await connect(api.database.superuserUrl);
  try {
    await superuser.query(
      `insert into platform.role_bindings (namespace, name, organisation, actor_id, roles, scopes, expires_at, revoked_at)
       select * from json_to_recordset($1) as b (namespace text, name text, organisation text, actor_id text,
              roles text[], scopes jsonb, expires_at timestamptz, revoked_at timestamptz)`,
      [JSON.stringify(bindings)],
    );
    await superuser.query(
      `insert into platform.api_keys (namespace, name, organisation, key_hash, actor, actor_type, scopes, expires_at, revoked_at)
       select namespace, name, organisation, decode(key_hash, 'hex'), actor, actor_type, scopes, expires_at, revoked_at
         from json_to_recordset($1) as k (namespace text, name text, organisation text, key_hash text,
              actor text, actor_type text, scopes jsonb, expires_at timestamptz, revoked_at timestamptz)`,
      [JSON.stringify(rows)],
    );
  } finally {
    await superuser.end();
  }
  await api.deps.registry.refresh();
  return keys;
}

function endOf(standing: Standing): { expires_at: string | null; revoked_at: string | null } {
  return {
    expires_at: standing === 'expired' ? ended : far,
    revoked_at: standing === 'revoked' ? ended : null,
  };
}
