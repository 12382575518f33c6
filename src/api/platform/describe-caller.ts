import type { Identity, KeyScope } from '../../contract/identity.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import { decidePlatformAccess } from './platform-access.ts';

/** What `GET /auth/me` answers: who the platform takes the caller for, and what that is worth. */
export interface CallerView {
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: Identity['actorType'];
  readonly email?: string;
  /** How the caller was recognised. */
  readonly strategy: string;
  readonly credential: Identity['credential']['kind'];
  /** Of an API key: its resource. */
  readonly key?: { readonly namespace: string; readonly name: string };
  /** Of a token. */
  readonly issuer?: string;
  /** Of the credential; absent: it ends when somebody revokes it. */
  readonly expiresAt?: string;
  /** Only the bootstrap key. */
  readonly platformAdmin?: true;
  /** All that the caller holds somewhere, by name. */
  readonly roles: readonly string[];
  /** Those that the token carries: they count in every domain of the organisation. */
  readonly tokenRoles?: readonly string[];
  /** What live bindings give, each in its domain; the domain's default role among them. */
  readonly bindings: readonly HeldRoles[];
  /** What the credential narrows all of that to; absent: nothing. */
  readonly scopes?: readonly KeyScope[];
  readonly administers: {
    readonly organisation: boolean;
    /** Namespaces of domains. */
    readonly domains: readonly string[];
  };
}

interface HeldRoles {
  readonly namespace: string;
  readonly roles: readonly string[];
  /** Absent: every schema of the domain. */
  readonly scopes?: readonly KeyScope[];
  /** Absent: until somebody revokes them. */
  readonly expiresAt?: string;
}

export function describeCaller(
  identity: Identity,
  snapshot: RegistrySnapshot,
  nowMs: number,
): CallerView {
  const { organisation, actor, actorType, email, strategy, credential, keyScopes } = identity;
  const access = decidePlatformAccess(identity, snapshot, nowMs);
  const domains = [...snapshot.domains.values()].filter(
    (domain) => domain.organisation === organisation && access.administers(domain.namespace),
  );
  const bindings = heldRoles(identity, snapshot, nowMs);
  const key = credential.kind === 'apikey' ? snapshot.keys.get(credential.id) : undefined;
  const { issuer } = credential;
  const expiresAt = credential.expiresAt ?? key?.expiresAt;
  return {
    ...{ organisation, actor, actorType, strategy },
    ...(email !== undefined && { email }),
    credential: credential.kind,
    ...(key !== undefined && { key: { namespace: key.namespace, name: key.name } }),
    ...(issuer !== undefined && { issuer }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(identity.platformAdmin && { platformAdmin: true }),
    roles: [...new Set([...identity.roles, ...bindings.flatMap(({ roles }) => roles)])],
    ...(identity.roles.length > 0 && { tokenRoles: identity.roles }),
    bindings,
    ...(keyScopes !== undefined && { scopes: keyScopes }),
    administers: {
      organisation: access.organisationAdmin,
      domains: domains.map(({ namespace }) => namespace),
    },
  };
}

function heldRoles(
  { organisation, actor }: Identity,
  snapshot: RegistrySnapshot,
  nowMs: number,
): HeldRoles[] {
  const bindings = snapshot.bindings.get(`${organisation}\n${actor}`) ?? [];
  return bindings
    .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > nowMs)
    .map(({ namespace, roles, scopes, expiresAt }) => {
      const defaultRole = snapshot.domains.get(namespace)?.access.defaultRole;
      return {
        namespace,
        roles: [...new Set([...roles, ...(defaultRole === undefined ? [] : [defaultRole])])],
        ...(scopes.length > 0 && { scopes }),
        ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
      };
    });
}
