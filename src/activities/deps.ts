import type { KubernetesClient } from '../resources/kubernetes/client.ts';
import type { SecretStore } from '../resources/secrets/secret-store.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { ListenTo } from '../store/listen.ts';
import type { Pool } from '../store/pool.ts';

/** What activities work with; the same for all of them, made once by the worker. */
export interface ActivityDeps {
  readonly store: ResourceStore;
  /** Logs in as velocity_operator. */
  readonly pool: Pool;
  readonly listenTo: ListenTo;
  /** Absent: this installation keeps no secrets. */
  readonly secrets?: SecretStore | undefined;
  /** Undefined: Velocity does not run in a cluster. */
  readonly cluster?: KubernetesClient | undefined;
  now(): Date;
  /** 0 ≤ n < 1; spreads retries. */
  random(): number;
}
