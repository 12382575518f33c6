import type { Denial } from '../audit/record-denial.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { FailedAttempts } from '../auth/failed-attempts.ts';
import type { KeyUse } from '../auth/key-use.ts';
import type { Revocations } from '../auth/revocations.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { Observer } from '../observe.ts';
import type { RecordsDeps } from '../records/request-context.ts';
import type { DriftFigures } from '../resources/drift/find-drift.ts';
import type { Registry } from '../resources/registry/registry.ts';
import type { SecretStore } from '../resources/secrets/secret-store.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { Pool } from '../store/pool.ts';
import type { RateLimits } from './plugins/rate-limits.ts';
import type { PlanDecider } from './routes/schema-plans.ts';
import type { WorkflowList } from './routes/workflows.ts';

/** Everything the API works with; nothing below reaches for a clock, a connection or a setting. */
export interface AppDeps {
  readonly records: RecordsDeps;
  readonly registry: Pick<Registry, 'snapshot' | 'ready' | 'refresh'>;
  readonly authenticator: Authenticator;
  /** Absent: nobody signs in here; there is no key to seal their tokens with. */
  readonly sessions?: Sessions | undefined;
  /** Absent: whoever fails is not slowed. */
  readonly failedAttempts?: FailedAttempts;
  /** Absent: nobody writes down when keys were used. */
  readonly keyUse?: Pick<KeyUse, 'note'>;
  /** Networks whose X-Forwarded-For is believed; absent: nobody's. */
  readonly trustedProxies?: readonly string[];
  readonly resources: ResourceStore;
  readonly pool: Pool;
  /** Absent: this installation keeps no secrets. */
  readonly secrets?: SecretStore | undefined;
  readonly observer: Pick<Observer, 'observe' | 'metrics'>;
  readonly version: string;
  readonly now: () => number;
  readonly newId: () => string;
  readonly randomBytes: (size: number) => Buffer;
  readonly drain: DrainState;
  readonly recordDenial: (denial: Denial) => Promise<void>;
  readonly revocations: Revocations;
  /** Absent: nobody is limited. */
  readonly limits?: RateLimits | undefined;
  /** False when metrics have a port of their own. */
  readonly serveMetrics: boolean;
  /** Absent: this API knows no Temporal. */
  readonly workflows?: WorkflowList;
  readonly decidePlan?: PlanDecider;
  /** Absent: nobody looks after it here. */
  readonly drift?: () => DriftFigures;
}

export interface DrainState {
  /** `noticed`: not ready any more. `closing`: every connection ends with its next answer. */
  phase: 'serving' | 'noticed' | 'closing';
}
