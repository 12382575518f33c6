import { mayDiagnose } from '../../auth/diagnostics.ts';
import type { NamedKey } from '../../auth/explain-roles.ts';
import { strategiesFor } from '../../auth/strategy-choice.ts';
import type { Identity } from '../../contract/identity.ts';
import { VelocityError, validationError } from '../../errors.ts';
import type { KeyEntry, RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import type { ExplainRequest } from './parse-explain-request.ts';
import { decidePlatformAccess } from './platform-access.ts';

/** Whom an explanation is about, and how much of the schema the asker administers. */
export interface ExplainedActor {
  readonly identity: Identity;
  readonly isSelf: boolean;
  readonly key: NamedKey | undefined;
  readonly administers: boolean;
}

interface At {
  readonly snapshot: RegistrySnapshot;
  readonly namespace: string;
  readonly nowMs: number;
}

/** What of a domain's decisions somebody may have explained that are not about themselves. */
export function explainRights(
  identity: Identity,
  { snapshot, namespace, nowMs }: At,
): { readonly administers: boolean; readonly diagnoses: boolean } {
  const administers = decidePlatformAccess(identity, snapshot, nowMs).administers(namespace);
  return {
    administers,
    diagnoses: administers || mayDiagnose(identity, snapshot, { namespace, nowMs }),
  };
}

/**
 * Everybody may ask about themselves; about others only who administers the domain or holds its
 * diagnostics role. One's own actor is oneself, with the limits of the key that asks.
 */
export function findExplained(
  asker: Identity,
  asked: ExplainRequest,
  { schema, ...at }: Omit<At, 'namespace'> & { readonly schema: CompiledSchema },
): ExplainedActor {
  const { namespace } = schema;
  const { administers, diagnoses } = explainRights(asker, { namespace, ...at });
  const { key, roles, attributes } = asked;
  const own =
    asked.actor === undefined ||
    (asked.actor === asker.actor && asker.organisation === schema.organisation);
  const isSelf = own && (key ?? roles ?? attributes) === undefined;
  if (isSelf) {
    const entry = at.snapshot.keys.get(asker.credential.id);
    return { identity: asker, isSelf, key: entry, administers };
  }
  if (!diagnoses) {
    throw new VelocityError('RBAC_DENIED', 'You may have only your own access explained here.', {
      hint: `About others it takes the admin role or the diagnostics role of ${namespace}.`,
    });
  }
  const entry = key === undefined ? undefined : keyNamed(key, namespace, at);
  const actor = asked.actor ?? entry?.actor ?? asker.actor;
  if (entry !== undefined && entry.actor !== actor) {
    throw validationError('The question is not well formed.', [
      { pointer: '/key', rule: 'either', message: `is a key of ${entry.actor}` },
    ]);
  }
  return {
    identity: {
      ...{ organisation: schema.organisation, actor, actorType: entry?.actorType ?? 'user' },
      platformAdmin: false,
      keyScopes: entry === undefined || entry.scopes.length === 0 ? undefined : entry.scopes,
      ...{ roles: roles ?? [], attributes: attributes ?? {} },
      ...assumedCredential(asked, schema, at.snapshot),
    },
    ...{ isSelf, key: entry, administers },
  };
}

/** How the actor would be authenticated: by the key that is named, else as the schema asks first. */
function assumedCredential(
  { key, operation }: ExplainRequest,
  schema: CompiledSchema,
  snapshot: RegistrySnapshot,
): Pick<Identity, 'strategy' | 'credential'> {
  const strategies = strategiesFor(schema, [operation], snapshot);
  const [first] = key === undefined ? strategies : [];
  const { ref = '', spec } = first ?? {};
  switch (spec?.type) {
    case 'jwt': {
      const issuer = spec.config.issuers?.[0]?.issuer;
      return { strategy: ref, credential: { kind: 'jwt', id: '', ...(issuer && { issuer }) } };
    }
    case 'oidc':
      return { strategy: ref, credential: { kind: 'session', id: '' } };
    case 'none':
      return { strategy: ref, credential: { kind: 'none', id: '' } };
    default:
      return { strategy: 'apikey', credential: { kind: 'apikey', id: '' } };
  }
}

function keyNamed(
  name: string,
  namespace: string,
  { snapshot, nowMs }: Pick<At, 'snapshot' | 'nowMs'>,
): KeyEntry {
  for (const entry of snapshot.keys.values()) {
    if (entry.namespace !== namespace || entry.name !== name) continue;
    const ended =
      entry.revokedAt !== undefined
        ? 'was revoked'
        : entry.expiresAt !== undefined && entry.expiresAt <= nowMs && 'has expired';
    if (ended === false) return entry;
    throw validationError('The question is not well formed.', [
      { pointer: '/key', rule: 'live', message: `${ended}: it may do nothing` },
    ]);
  }
  const message = `There is no ApiKey ${JSON.stringify(name)} in ${JSON.stringify(namespace)}.`;
  throw new VelocityError('ENTITY_NOT_FOUND', message);
}
