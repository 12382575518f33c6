import type { SchemaDefinitionSpec } from '../contract/kinds.ts';

/** What the platform knows of a version beyond its spec, because another version has followed it. */
export interface VersionStanding {
  /**
   * receiving: takes its records over and no writes until then. superseded: its records have moved to
   * the successor. dropped: its table is gone.
   */
  readonly state: 'receiving' | 'superseded' | 'dropped';
  /** `v2`. */
  readonly successor: string | null;
  /** RFC 3339. */
  readonly deprecatedAt: string | null;
  readonly sunsetAt: string | null;
}

/** How a version ages, at one instant. Times are milliseconds since the epoch. */
export interface VersionAge {
  readonly deprecatedAt: number | undefined;
  readonly sunsetAt: number | undefined;
  readonly successor: string | undefined;
  /** Its routes answer 410. */
  readonly retired: boolean;
}

interface AgeingVersion {
  readonly spec: Pick<SchemaDefinitionSpec, 'lifecycle'>;
  readonly standing?: VersionStanding | null | undefined;
  /** Other schemas refer to its records: it cannot go while they do. */
  readonly referred?: boolean | undefined;
  /** When its revision became the active one; RFC 3339. */
  readonly activatedAt?: string | undefined;
}

/**
 * The platform's word comes before the spec's: the spec of a version that was followed by another one
 * cannot be changed any more. A version deprecated without a date is so since its spec says it.
 */
export function ageVersion(version: AgeingVersion, nowMs: number): VersionAge {
  const { standing, referred } = version;
  const { stage = 'stable', deprecatedAt, sunsetAt } = version.spec.lifecycle ?? {};
  const sunset = instant(standing?.sunsetAt ?? sunsetAt);
  const since = stage === 'stable' ? deprecatedAt : (deprecatedAt ?? version.activatedAt);
  const ended = stage === 'retired' || (sunset !== undefined && sunset <= nowMs);
  return {
    deprecatedAt: instant(standing?.deprecatedAt ?? since),
    sunsetAt: sunset,
    successor: standing?.successor ?? undefined,
    retired: ended && referred !== true,
  };
}

function instant(time: string | null | undefined): number | undefined {
  return time === null || time === undefined ? undefined : Date.parse(time);
}
