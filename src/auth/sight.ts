import { recordPolicies } from '../query/compile-policy.ts';
import type { Access } from './access.ts';

/** What somebody who asks for an explanation may learn from it: nothing that they could not read. */
export interface Sight {
  /** The asker's own read access; undefined: they may not read these records. */
  readonly access: Access | undefined;
  /** Neither a row filter nor a policy keeps a record from the asker. */
  readonly seesAll: boolean;
  /** Whether the asker may know of the field at all. */
  knows(field: string): boolean;
  /** Whether the asker may see its values. */
  sees(field: string): boolean;
}

/**
 * Whoever administers the schema reads its manifest and so knows every field. Values are another
 * matter: those take the asker's own rights to the records.
 */
export function sightOf(access: Access | undefined, administers: boolean): Sight {
  const reads = (field: string) => access?.readable.has(field) ?? false;
  const sees = (field: string) => reads(field) && access?.masks.has(field) === false;
  const seesAll =
    access !== undefined &&
    access.rowFilter === undefined &&
    recordPolicies(access.policies).length === 0;
  return { access, seesAll, sees, knows: (field) => administers || reads(field) };
}
