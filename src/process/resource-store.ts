import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config.ts';
import type { FindVersions } from '../resources/kubernetes/admission-view.ts';
import type { KubernetesClient } from '../resources/kubernetes/client.ts';
import { createKubernetesClient } from '../resources/kubernetes/client.ts';
import { openKubernetesStore } from '../resources/kubernetes/kubernetes-store.ts';
import { openPostgresStore } from '../resources/postgres/postgres-store.ts';
import { loadVersions } from '../resources/postgres/sql/load-admission-view.ts';
import { openKubernetesSecrets } from '../resources/secrets/kubernetes-secrets.ts';
import { openPostgresSecrets } from '../resources/secrets/postgres-secrets.ts';
import type { SecretStore } from '../resources/secrets/secret-store.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { Pool } from '../store/pool.ts';

export interface OpenedStore {
  readonly store: ResourceStore;
  /** Undefined: no key to seal them with is configured. */
  readonly secrets: SecretStore | undefined;
  /** Only where resources live in a cluster. */
  readonly kubernetes?: {
    readonly client: KubernetesClient;
    readonly holder: string;
    readonly findVersions: FindVersions;
  };
  close(): Promise<void>;
}

/** The store that the configuration names; the pool is the process's own and stays open. */
export async function openResourceStore(
  config: Config,
  pool: Pool,
  options: { readonly servesStale?: boolean } = {},
): Promise<OpenedStore> {
  const { outboundAllow } = config;
  if (config.resources.store === 'postgres') {
    const store = openPostgresStore({ pool, connectionString: config.databaseUrl, outboundAllow });
    const [first, ...others] = config.secretKeys;
    const keys = first && ([first, ...others] as const);
    const secrets = keys && openPostgresSecrets({ pool, keys, randomBytes });
    return { store, secrets, close: () => Promise.resolve() };
  }
  const client = await createKubernetesClient(config.resources);
  const holder = `${hostname()}_${process.pid}_${randomBytes(4).toString('hex')}`;
  const findVersions: FindVersions = (namespaces) => loadVersions(pool, namespaces);
  const store = openKubernetesStore({ client, holder, findVersions, outboundAllow, ...options });
  const secrets = openKubernetesSecrets(client);
  return {
    store,
    secrets,
    kubernetes: { client, holder, findVersions },
    close: () => client.close(),
  };
}
