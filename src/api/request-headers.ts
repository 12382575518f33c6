import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { VelocityError } from '../errors.ts';

/** Kept with every entry of the audit, so neither may grow without bound. */
const reasonLengthMax = 1_000;
const ticketRefLengthMax = 200;

/** The version of `If-Match: "7"`; undefined when the header is absent. */
export function ifMatchOf(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined) return undefined;
  const version = /^"(\d{1,15})"$/.exec(header)?.[1];
  if (version === undefined) {
    throw new VelocityError('BAD_REQUEST', 'If-Match does not name one version.', {
      details: { header: 'If-Match' },
      hint: 'Send the ETag as it came, quotes included: If-Match: "7".',
    });
  }
  return Number(version);
}

export function etagOf(version: number): string {
  return `"${version}"`;
}

/** `If-None-Match`, compared weakly as RFC 9110 wants it. */
export function isNotModified(request: FastifyRequest, etag: string): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

/** 1 to 255 visible ASCII characters. */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw new VelocityError('BAD_REQUEST', 'Idempotency-Key is not well formed.', {
      details: { header: 'Idempotency-Key' },
      hint: '1 to 255 visible ASCII characters, a UUID for example.',
    });
  }
  return header;
}

/** `X-Audit-Reason`, or `?reason=`, which wins. */
export function auditReasonOf(
  request: FastifyRequest,
  param: string | undefined,
): string | undefined {
  const reason = param ?? textHeader(request, 'x-audit-reason');
  return boundedText(reason, 'X-Audit-Reason', reasonLengthMax);
}

export function ticketRefOf(request: FastifyRequest): string | undefined {
  return boundedText(textHeader(request, 'x-ticket-ref'), 'X-Ticket-Ref', ticketRefLengthMax);
}

/** Node reads header bytes as Latin-1; people write them in UTF-8. */
function textHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

function boundedText(
  value: string | undefined,
  header: string,
  lengthMax: number,
): string | undefined {
  const text = value?.trim();
  if (text === undefined || text === '') return undefined;
  if (text.length > lengthMax || !text.isWellFormed() || text.includes('\0')) {
    throw new VelocityError('BAD_REQUEST', `${header} is not well formed.`, {
      details: { header },
      hint: `Text of at most ${lengthMax} characters.`,
    });
  }
  return text;
}
