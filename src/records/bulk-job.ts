import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext, Statement } from '../store/statement.ts';
import type { BulkOperation, WriterFor } from './bulk-input.ts';
import type { GuardedReferences } from './guarded-references.ts';
import type { RequestContext } from './request-context.ts';
import type { ReferringRow } from './sql/guard-references.ts';

/** A bulk whose rows are read and whose rights are known. */
export interface BulkJob {
  readonly ctx: RequestContext;
  readonly schema: CompiledSchema;
  readonly guarded: GuardedReferences;
  readonly guards: (rows: readonly ReferringRow[]) => readonly Statement[];
  readonly operations: readonly BulkOperation[];
  /** By kind of operation: row filters decide by the grants of each. */
  readonly sessions: ReadonlyMap<string, SessionContext>;
  readonly fallback: SessionContext;
  readonly writerFor: WriterFor;
}
