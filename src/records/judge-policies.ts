import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import { requirePolicies } from '../auth/policies.ts';
import type { CurrentRecord } from './read-record.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';

/** Who writes with which rights. */
export interface Writer {
  readonly ctx: RequestContext;
  readonly access: Access;
  readonly caller: Caller;
}

/** Whether what the policies say of a change depends on the record. */
export function policiesNeedRecord({ policies, readPolicies }: Access): boolean {
  return [...policies, ...readPolicies].some(({ needsRecord }) => needsRecord);
}

/**
 * A new record as policies see it, before the database has filled in its columns; `uses` are the
 * fields that the request names.
 */
export function judgeCreate(
  { ctx, access, caller }: Writer,
  id: string,
  values: RecordValues,
  uses: readonly string[],
): void {
  if (access.policies.length === 0) return;
  const at = new Date(ctx.deps.now()).toISOString();
  const by = ctx.identity.actor;
  const system = { version: 1, created_at: at, created_by: by, updated_at: at, updated_by: by };
  requirePolicies(access.policies, caller, { self: { ...values, ...system, id }, uses });
}

type Known = Pick<CurrentRecord, 'values' | 'system'>;

/** What may not be read may not be changed, and nobody is told more of it. */
export function judgeReadable({ access, caller }: Writer, { values, system }: Known): void {
  requirePolicies(access.readPolicies, caller, { self: { ...values, ...system }, uses: undefined });
}

/** A change of a record; the columns of the system are as before. */
export function judgeChange(
  { access, caller }: Writer,
  { values, system }: Known,
  changes: RecordValues,
  uses: readonly string[],
): void {
  if (access.policies.length === 0) return;
  const old = { ...values, ...system };
  requirePolicies(access.policies, caller, { self: { ...old, ...changes }, old, uses });
}

/** The end of a record uses all of its fields. */
export function judgeDelete({ access, caller }: Writer, { values, system }: Known): void {
  const record = { ...values, ...system };
  requirePolicies(access.policies, caller, { self: record, old: record, uses: undefined });
}

/** A change where no policy asks what the record is. */
export function judgeUnseen({ access, caller }: Writer, uses: readonly string[] | undefined): void {
  requirePolicies(access.readPolicies, caller, { self: {}, uses: undefined });
  requirePolicies(access.policies, caller, { self: {}, uses });
}
