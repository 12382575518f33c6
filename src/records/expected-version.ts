import type { ErrorCode } from '../errors.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext } from '../store/statement.ts';
import { entityNotFound } from './get-record.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';
import { findVersion } from './sql/write-one.ts';

/** The version a change is based on, and where the caller said so: that decides the code when stale. */
export interface ExpectedVersion {
  readonly version: number;
  readonly from: 'if-match' | 'body';
}

/**
 * Takes `version` out of a body and holds it against If-Match: 400 when they disagree. Undefined
 * when neither says anything.
 */
export function expectedVersion(
  body: RecordValues,
  ifMatch: number | undefined,
): { expected: ExpectedVersion | undefined; values: RecordValues } {
  const { version, ...values } = body;
  if (version === undefined) {
    return {
      expected: ifMatch === undefined ? undefined : { version: ifMatch, from: 'if-match' },
      values,
    };
  }
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new VelocityError(
      'BAD_REQUEST',
      '"version" must be the version of the record, a positive integer.',
      {
        details: { pointer: '/version' },
      },
    );
  }
  if (ifMatch !== undefined && ifMatch !== version) {
    throw new VelocityError(
      'BAD_REQUEST',
      `If-Match says version ${ifMatch}, the body says ${version}.`,
      {
        hint: 'Send one of the two, or the same in both.',
      },
    );
  }
  return { expected: { version, from: ifMatch === undefined ? 'body' : 'if-match' }, values };
}

export function requireVersion(expected: ExpectedVersion | undefined): ExpectedVersion {
  if (expected !== undefined) return expected;
  throw new VelocityError(
    'PRECONDITION_REQUIRED',
    'A change needs the version that it is based on.',
    {
      hint: 'Send If-Match with the ETag of the record, or "version" in the body.',
    },
  );
}

/** Why an update found no row: the record moved on, or is not there for this caller. Always throws. */
export async function refuseMissedWrite(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<never> {
  const [result] = await ctx.deps.pipeline.transact(session, [findVersion(schema, id)]);
  const current = result?.rows[0]?.['version'];
  if (current === undefined) throw entityNotFound(schema, id);
  throw staleVersion(id, expected, current);
}

/** A change that states no version lost every round to others. */
export function changedMeanwhile(): VelocityError {
  return new VelocityError(
    'OPTIMISTIC_LOCK_FAILED',
    'Others kept changing the record at the same time.',
    { hint: 'Send the request again.' },
  );
}

/** A version is stated of a record that is not there: somebody else must have deleted it. */
export function noRecordAt(id: string, expected: ExpectedVersion): VelocityError {
  return new VelocityError(
    staleCode(expected),
    `There is no record ${id} at version ${expected.version}.`,
    { hint: 'Leave the version out to create it.' },
  );
}

function staleCode(expected: ExpectedVersion | undefined): ErrorCode {
  return expected?.from === 'if-match' ? 'PRECONDITION_FAILED' : 'OPTIMISTIC_LOCK_FAILED';
}

export function staleVersion(
  id: string,
  expected: ExpectedVersion | undefined,
  current: unknown,
): VelocityError {
  return new VelocityError(
    staleCode(expected),
    `The record ${id} is at version ${current}, not ${expected?.version ?? 'that one'}.`,
    {
      details: { currentVersion: current },
      hint: 'Read it again and repeat the change on its new version.',
    },
  );
}
