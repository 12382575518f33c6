import pg from 'pg';
import type { ErrorCode } from '../errors.ts';
import { VelocityError } from '../errors.ts';

/**
 * Postgres error codes become ours here and nowhere else. SQLSTATEs of class `VE` are raised by our
 * own SQL (migrations 0004, 0005 and the statements of src/records); the rest is listed in the
 * PostgreSQL manual, appendix A. A sentence here is what a caller reads.
 */
const codes: Readonly<Record<string, readonly [ErrorCode, string, hint?: string]>> = {
  VE001: [
    'IDEMPOTENCY_IN_PROGRESS',
    'A request with this idempotency key is still running.',
    'Send it again after the time in Retry-After.',
  ],
  VE003: [
    'IDEMPOTENCY_CONFLICT',
    'This idempotency key was used with another request.',
    'Use a new key for a new request.',
  ],
  VE010: ['REFERENCE_CONFLICT', 'A referenced record does not exist.'],
  VE011: ['REFERENCE_CONFLICT', 'Other records refer to this one.', 'Delete or change them first.'],
  VE012: [
    'REFERENCE_CONFLICT',
    'The delete would reach more than 10,000 other records.',
    'Delete the records that refer to it in portions first.',
  ],
  VE013: [
    'SCHEMA_FROZEN',
    'Records that refer to this one would change with it, and their schema is frozen.',
    'Let the schema go, or change those records first.',
  ],
  VE020: [
    'UNIQUE_CONSTRAINT_VIOLATION',
    'A record with this id existed and was purged.',
    'Choose another id.',
  ],
  VE021: ['VALIDATION_ERROR', 'The id of a record never changes.'],
  VE030: [
    'OPTIMISTIC_LOCK_FAILED',
    'The record has changed meanwhile.',
    'Read it again and repeat the change on its new version.',
  ],
  VE031: ['ENTITY_NOT_FOUND', 'There is no such record.'],
  VE040: [
    'SCHEMA_FROZEN',
    'The records of this version are moving to another one.',
    'Send it again: the answer says where to.',
  ],
  '23502': ['VALIDATION_ERROR', 'A required value is missing.'],
  '23503': ['REFERENCE_CONFLICT', 'A referenced record does not exist.'],
  '23505': ['UNIQUE_CONSTRAINT_VIOLATION', 'A record with this value exists already.'],
  '23514': ['VALIDATION_ERROR', 'A value lies outside what its field allows.'],
  '22001': ['VALIDATION_ERROR', 'A value is too long.'],
  '22003': ['VALIDATION_ERROR', 'A number is out of range.'],
  '22007': ['VALIDATION_ERROR', 'A date or time is not valid.'],
  '22008': ['VALIDATION_ERROR', 'A date or time is out of range.'],
  '22009': ['VALIDATION_ERROR', 'A time zone is out of range.'],
  '22P02': ['VALIDATION_ERROR', 'A value does not have the form of its type.'],
  '54000': ['VALIDATION_ERROR', 'A value is too long for the index of its field.'],
  '42501': ['RLS_POLICY_DENIED', 'The record lies outside the rows that your roles may touch.'],
  // The schema went between the request's look at the registry and its statement.
  '42P01': ['SCHEMA_NOT_FOUND', 'This schema is no longer served.'],
  '40001': [
    'POSTGRES_UNAVAILABLE',
    'The database was too busy with conflicting writes.',
    'Send the request again.',
  ],
  '40P01': [
    'POSTGRES_UNAVAILABLE',
    'The database was too busy with conflicting writes.',
    'Send the request again.',
  ],
  '55P03': ['STATEMENT_TIMEOUT', 'The database took too long.', 'Send the request again.'],
  '57014': [
    'STATEMENT_TIMEOUT',
    'The database took too long.',
    'Ask for less, or filter on an indexed field.',
  ],
  '53100': ['STORAGE_FULL', 'The database has no space left; reads still work.'],
};

/** These name the record at fault where the others name a field. */
const recordStates = new Set(['VE030', 'VE031']);

/** Classes that mean: not now. 08 connection, 53 resources, 57P operator intervention. */
const unavailable = /^(08...|53...|57P..)$/;

const socketErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);

/**
 * Failures that kept nothing and say nothing about the request: the same transaction may simply run
 * again. 26000 (no such prepared statement) belongs here: on a pipelined connection a statement can
 * be used behind a transaction that failed before its Parse was accepted.
 */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || state === '26000';
}

/**
 * What Postgres says to a statement of a revision whose table has changed since: a column or table
 * that is gone (42703, 42P01) or has another type (42804, 42883, 42846), a plan or an index that no
 * longer fits (0A000, 42P10), a value that is required or limited since (23502, 23514), a version
 * that takes no writes since (VE040).
 */
const staleSchema: ReadonlySet<string> = new Set([
  '23502',
  '23514',
  '42703',
  '42P01',
  '42804',
  '42883',
  '42846',
  '0A000',
  '42P10',
  'VE040',
]);

export function isStaleSchema(error: unknown): boolean {
  return staleSchema.has(sqlState(error) ?? '') || lacksTableRight(error);
}

/** 42501 is also what row security says; `aclcheck_error` is where a right on a table is missing. */
function lacksTableRight(error: unknown): boolean {
  if (error instanceof VelocityError || error instanceof ConnectionLostError) {
    return lacksTableRight(error.cause);
  }
  return (
    error instanceof pg.DatabaseError &&
    error.code === '42501' &&
    error.routine === 'aclcheck_error'
  );
}

/** The SQLSTATE, where the error came from Postgres, mapped or not. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof VelocityError || error instanceof ConnectionLostError)
    return sqlState(error.cause);
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Ours, where a database error has a code of ours; anything else as it came (a bug, so 500). */
export function toVelocityError(error: unknown): unknown {
  if (error instanceof VelocityError) return error;
  if (error instanceof pg.DatabaseError) return fromPostgres(error);
  return isConnectionLoss(error) ? databaseUnavailable(error) : error;
}

export function databaseUnavailable(cause: unknown): VelocityError {
  return new VelocityError(
    'POSTGRES_UNAVAILABLE',
    'The database cannot be reached at the moment.',
    {
      hint: 'Send the request again; with an Idempotency-Key it takes effect once.',
      headers: { 'retry-after': '1' },
      cause,
    },
  );
}

function fromPostgres(error: pg.DatabaseError): unknown {
  const known = codes[error.code ?? ''];
  if (known !== undefined) {
    const [code, message, hint] = known;
    return new VelocityError(code, message, {
      cause: error,
      ...(hint !== undefined && { hint }),
      ...(error.constraint !== undefined && { details: { constraint: error.constraint } }),
      ...(error.column !== undefined &&
        error.constraint === undefined && {
          details: { [recordStates.has(error.code ?? '') ? 'id' : 'field']: error.column },
        }),
      ...(code === 'IDEMPOTENCY_IN_PROGRESS' && { headers: { 'retry-after': '1' } }),
    });
  }
  return unavailable.test(error.code ?? '') ? databaseUnavailable(error) : error;
}

/** pg reports a lost connection as a plain Error: what has no SQLSTATE and speaks of the socket. */
function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof ConnectionLostError) return true;
  const code = (error as NodeJS.ErrnoException).code;
  return code !== undefined && socketErrors.has(code);
}

/**
 * Whether Postgres said goodbye (57P01 to 57P03: ended by an administrator, crashed, starting up). As
 * the first answer to a transaction it proves that nothing of it was done: answers come in order.
 */
export function isGoodbye(error: unknown): boolean {
  return /^57P0[123]$/.test(sqlState(error) ?? '');
}

/** Thrown by the pool and the pipeline when the connection ended under a request. */
export class ConnectionLostError extends Error {
  constructor(cause?: unknown) {
    super('the connection to the database ended', { cause });
    this.name = 'ConnectionLostError';
  }
}

/** The connection had ended before anything of the transaction was done: another one may do it. */
export class NotStartedError extends ConnectionLostError {
  override readonly name = 'NotStartedError';
}
