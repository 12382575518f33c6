import type { KeyScope } from '../../contract/identity.ts';
import type { AuthStrategySpec, Domain } from '../../contract/kinds.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import type { RequestQuotas } from './quotas.ts';

export interface DomainEntry {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  readonly namespace: string;
  readonly pgNamespace: string;
  readonly pgRole: string;
  readonly access: Domain['spec']['access'];
}

export interface DroppedVersion {
  readonly organisation: string;
  readonly successor: string | null;
}

export interface BindingEntry {
  readonly namespace: string;
  readonly name: string;
  readonly organisation: string;
  readonly actorId: string;
  readonly roles: readonly string[];
  /** Empty: the whole domain. */
  readonly scopes: readonly KeyScope[];
  readonly expiresAt: number | undefined;
}

export interface KeyEntry {
  readonly namespace: string;
  readonly name: string;
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: 'user' | 'service';
  /** Only the bootstrap key has one: platform-admin. */
  readonly roles: readonly string[];
  readonly scopes: readonly KeyScope[];
  readonly ipAllowlist: readonly string[];
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
  /** A text that a rotation replaced: it ends before the key does. */
  readonly replaced: boolean;
}

export interface StrategyEntry {
  /** `{namespace}/{name}`. */
  readonly ref: string;
  readonly namespace: string;
  readonly name: string;
  /** The only one in which the identities that it finds count; undefined: its namespace is nobody's. */
  readonly organisation: string | undefined;
  readonly spec: AuthStrategySpec;
}

/** What the API serves by: immutable, swapped as a whole, read without locks or awaits. */
export interface RegistrySnapshot {
  /** By `{org}/{app}/{domain}/{object}/{version}`. */
  readonly schemas: ReadonlyMap<string, CompiledSchema>;
  /** Those and whatever they lead to by references, be it served here or elsewhere. */
  readonly targets: ReadonlyMap<string, CompiledSchema>;
  /** Versions that were served once, by path: their records are in the successor, `v2`, or gone. */
  readonly dropped: ReadonlyMap<string, DroppedVersion>;
  /** By resource namespace. */
  readonly domains: ReadonlyMap<string, DomainEntry>;
  /** By `{organisation}\n{actorId}`. */
  readonly bindings: ReadonlyMap<string, readonly BindingEntry[]>;
  /** By the hex SHA-256 of the plaintext. */
  readonly keys: ReadonlyMap<string, KeyEntry>;
  /** By `{namespace}/{name}`. One that has not changed is the same object from one snapshot to the next. */
  readonly strategies: ReadonlyMap<string, StrategyEntry>;
  readonly adminRoles: ReadonlyMap<string, readonly string[]>;
  /** By `{organisation}` and by `{organisation}/{application}`, where there is one. */
  readonly quotas: ReadonlyMap<string, RequestQuotas>;
}
