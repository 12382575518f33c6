import type { Access } from '../auth/access.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext } from '../store/statement.ts';
import type { BulkOperation } from './bulk-input.ts';
import type { GuardedReferences } from './guarded-references.ts';
import type { RequestContext } from './request-context.ts';

/** A bulk whose rows are read and whose rights are known. */
export interface BulkJob {
  readonly ctx: RequestContext;
  readonly schema: CompiledSchema;
  readonly guarded: GuardedReferences;
  readonly operations: readonly BulkOperation[];
  /** By kind of operation: row filters decide by the grants of each. */
  readonly sessions: ReadonlyMap<string, SessionContext>;
  readonly fallback: SessionContext;
  readonly accesses: ReadonlyMap<string, Access>;
}
