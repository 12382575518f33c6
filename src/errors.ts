/**
 * The closed list of error codes: each with its HTTP status, its title and whether a client may
 * simply send the same request again. docs/errors.md describes the same list; a test compares them.
 */
export const errorCodes = {
  VALIDATION_ERROR: [400, 'The input is not valid', false],
  BAD_REQUEST: [400, 'The request is not well formed', false],
  UNKNOWN_FIELD: [400, 'Field is unknown', false],
  FIELD_NOT_FILTERABLE: [400, 'Field is not filterable', false],
  FIELD_NOT_SORTABLE: [400, 'Field is not sortable', false],
  CURSOR_INVALID: [400, 'Cursor is not valid', false],
  QUERY_TOO_COSTLY: [400, 'Query is too costly', false],
  AUDIT_REASON_REQUIRED: [400, 'A reason is required', false],
  TICKET_REF_REQUIRED: [400, 'A ticket reference is required', false],
  AUTH_INVALID_TOKEN: [401, 'Credentials are not valid', false],
  AUTH_EXPIRED: [401, 'Credentials have expired', false],
  AUTH_REVOKED: [401, 'Credentials were revoked', false],
  RBAC_DENIED: [403, 'No role of yours grants this', false],
  POLICY_DENIED: [403, 'A policy denies this', false],
  FIELD_ACCESS_DENIED: [403, 'Field may not be written', false],
  RLS_POLICY_DENIED: [403, 'The row lies outside your row filter', false],
  CROSS_SCHEMA_ACCESS_DENIED: [403, 'A schema of this request may not be read', false],
  AUTH_INSUFFICIENT_SCOPES: [403, 'The key is not scoped for this', false],
  SELF_APPROVAL_DENIED: [403, 'Nobody approves their own request', false],
  CSRF_REJECTED: [403, 'CSRF header is missing', false],
  SCHEMA_NOT_FOUND: [404, 'No such schema', false],
  ENTITY_NOT_FOUND: [404, 'No such record', false],
  METHOD_NOT_ALLOWED: [405, 'Method is not allowed here', false],
  UNIQUE_CONSTRAINT_VIOLATION: [409, 'A record with this value exists', false],
  OPTIMISTIC_LOCK_FAILED: [409, 'The record has changed meanwhile', false],
  IDEMPOTENCY_CONFLICT: [409, 'Idempotency key was used with another request', false],
  IDEMPOTENCY_IN_PROGRESS: [409, 'A request with this idempotency key is running', true],
  RESTORE_NO_OP: [409, 'Nothing would change', false],
  REFERENCE_CONFLICT: [409, 'A reference does not hold', false],
  APPROVAL_CONFLICT: [409, 'The approval no longer applies', false],
  SCHEMA_FROZEN: [409, 'The schema is frozen', false],
  LEGAL_HOLD: [409, 'A legal hold applies', false],
  ARCHIVE_HOT_ROW_PURGED: [410, 'The record was archived', false],
  VERSION_RETIRED: [410, 'This schema version is retired', false],
  PRECONDITION_FAILED: [412, 'Precondition failed', false],
  BODY_TOO_LARGE: [413, 'The body is too large', false],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Media type is not supported', false],
  PRECONDITION_REQUIRED: [428, 'A version is required', false],
  RATE_LIMITED: [429, 'Too many requests', true],
  QUOTA_EXCEEDED: [429, 'A quota is used up', false],
  INTERNAL_ERROR: [500, 'Something went wrong', true],
  REVOCATION_UNAVAILABLE: [503, 'Revocation cannot be checked', true],
  POSTGRES_UNAVAILABLE: [503, 'The database is unavailable', true],
  STATEMENT_TIMEOUT: [503, 'The database took too long', true],
  STORAGE_FULL: [503, 'Storage is full', true],
  TYPESENSE_UNAVAILABLE: [503, 'The search engine is unavailable', true],
  TEMPORAL_UNAVAILABLE: [503, 'The workflow engine is unavailable', true],
  KUBERNETES_UNAVAILABLE: [503, 'The Kubernetes API is unavailable', true],
  KMS_UNAVAILABLE: [503, 'The key service is unavailable', true],
  OBJECT_STORE_UNAVAILABLE: [503, 'The object store is unavailable', true],
} as const satisfies Record<string, readonly [status: number, title: string, retryable: boolean]>;

export type ErrorCode = keyof typeof errorCodes;

/** One problem of an input: where (JSON pointer), which rule, what was wrong and what would be right. */
export interface Problem {
  readonly pointer: string;
  readonly rule: string;
  readonly message: string;
  readonly hint?: string;
}

export interface VelocityErrorOptions {
  readonly details?: Record<string, unknown>;
  readonly hint?: string;
  readonly cause?: unknown;
  /** Response headers the answer must carry, `Retry-After` for example. */
  readonly headers?: Record<string, string>;
}

/** An expected failure. `message` is the sentence a caller reads; bugs are plain Errors instead. */
export class VelocityError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;
  readonly hint: string | undefined;
  readonly headers: Record<string, string> | undefined;

  constructor(code: ErrorCode, message: string, options: VelocityErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'VelocityError';
    this.code = code;
    this.details = options.details;
    this.hint = options.hint;
    this.headers = options.headers;
  }

  get status(): number {
    return errorCodes[this.code][0];
  }
}

/** Every problem of one input as a single `VALIDATION_ERROR`. `problems` must not be empty. */
export function validationError(message: string, problems: readonly Problem[]): VelocityError {
  return new VelocityError('VALIDATION_ERROR', message, { details: { problems } });
}

/** States what must hold; a failure is a bug of ours, never the caller's. Stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
