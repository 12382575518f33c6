import type { CompiledPolicy } from '../schema/policy.ts';
import type { Condition } from './condition.ts';
import type { Masks } from './mask.ts';

/** What a caller may see of a schema, as the access layers decided it. */
export interface ReadAccess {
  /** Names of the fields, the system's own among them. */
  readonly readable: ReadonlySet<string>;
  /** Readable, but not as they are: those fields answer no question about their values. */
  readonly masks: Masks;
  /** Which rows; undefined: all of them. */
  readonly rowFilter: Condition | undefined;
  /** What must hold of the caller and each record; absent: nothing more. */
  readonly policies?: readonly CompiledPolicy[];
}
