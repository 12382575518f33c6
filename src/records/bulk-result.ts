import type { ErrorCode, VelocityError } from '../errors.ts';
import { errorCodes } from '../errors.ts';
import type { BulkOperation } from './bulk-input.ts';

/** What became of one row; `version` is absent after a delete. */
export interface RowResult {
  readonly index: number;
  readonly status: number;
  readonly id?: string;
  readonly version?: number;
  readonly error?: {
    readonly code: ErrorCode;
    readonly detail: string;
    readonly details?: Record<string, unknown>;
    readonly hint?: string;
  };
}

export function failedRow(index: number, id: string | undefined, error: VelocityError): RowResult {
  return {
    index,
    status: errorCodes[error.code][0],
    ...(id !== undefined && { id }),
    error: {
      code: error.code,
      detail: error.message,
      ...(error.details !== undefined && { details: error.details }),
      ...(error.hint !== undefined && { hint: error.hint }),
    },
  };
}

export function writtenRow(operation: BulkOperation, version: number): RowResult {
  const { index, id, op } = operation;
  if (op === 'delete') return { index, status: 204, id };
  return { index, status: op === 'create' ? 201 : 200, id, version };
}
