import type { Condition } from './condition.ts';

/** What a caller may see of a schema, as the access layers decided it. */
export interface ReadAccess {
  /** Names of the fields, the system's own among them. */
  readonly readable: ReadonlySet<string>;
  /** Which rows; undefined: all of them. */
  readonly rowFilter: Condition | undefined;
}
