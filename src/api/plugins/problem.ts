import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Denial } from '../../audit/record-denial.ts';
import type { Identity } from '../../contract/identity.ts';
import type { ErrorCode } from '../../errors.ts';
import { errorCodes, VelocityError } from '../../errors.ts';
import type { Observe } from '../../observe.ts';
import type { AppDeps } from '../app-deps.ts';
import { withExplanation } from '../platform/explain-denial.ts';

export const problemContentType = 'application/problem+json; charset=utf-8';

/** Fastify's own refusals that have a code of ours; any other 4xx of its is BAD_REQUEST. */
const frameworkCodes: Readonly<Record<string, [code: ErrorCode, detail: string, hint: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'BODY_TOO_LARGE',
    'The body is larger than this route takes.',
    'At most 1 MiB, 16 MiB for bulk; split the request.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'UNSUPPORTED_MEDIA_TYPE',
    'The Content-Type is not one that this route takes.',
    'Send application/json.',
  ],
};

/** An error as RFC 9457 writes it, with our members beside. `instance` is the path, never the query. */
export function describeProblem(error: VelocityError, requestId: string, url: string): string {
  const [status, title] = errorCodes[error.code];
  return JSON.stringify({
    type: `https://velocity.sh/errors/${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: error.message,
    instance: url.split('?', 1)[0],
    code: error.code,
    message: error.message,
    requestId,
    details: error.details ?? {},
    ...(error.hint !== undefined && { hint: error.hint }),
  });
}

/** Every answer that is not a success is made here, and every denial goes into the audit. */
export function installProblems(
  app: FastifyInstance,
  deps: Pick<AppDeps, 'observer' | 'recordDenial' | 'registry' | 'records'>,
): void {
  const { observe } = deps.observer;
  app.setErrorHandler(async (thrown, request, reply) => {
    const error = toExpected(thrown, request.id, observe);
    if (error.status === 403 && request.identity !== null) {
      await keepDenial(deps, request, error);
      const context = {
        ...{ deps: deps.records, identity: request.identity, requestId: request.id },
        ...{ method: request.method, address: request.ip },
        snapshot: deps.registry.snapshot(),
      };
      return sendProblem(withExplanation(error, request, context), request, reply);
    }
    return sendProblem(error, request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `Nothing is served at ${request.method} ${request.url.split('?', 1)[0]}.`;
    const hint = 'GET /api lists the schemas that you may see.';
    return sendProblem(new VelocityError('SCHEMA_NOT_FOUND', message, { hint }), request, reply);
  });
}

interface Refusal {
  readonly code: ErrorCode;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** Puts a denial into the audit; the answer is the same whether or not that could be reached. */
export async function keepDenial(
  { observer: { observe }, recordDenial }: Pick<AppDeps, 'observer' | 'recordDenial'>,
  request: FastifyRequest,
  error: Refusal,
): Promise<void> {
  const { id: requestId, identity } = request;
  if (identity === null) return;
  const { organisation, actor } = identity;
  observe({ type: 'access.denied', requestId, code: error.code, organisation, actor });
  await recordDenial(denialOf(identity, request, error)).catch((cause) =>
    observe({ type: 'store.failed', cause }),
  );
}

function denialOf(identity: Identity, request: FastifyRequest, { code, details }: Refusal): Denial {
  const policy = details?.['policy'];
  const address = request.url.split('?', 1)[0] ?? '';
  const { org, app, domain, object, version } = request.params as Record<string, string>;
  return {
    identity,
    requestId: request.id,
    code,
    request: `${request.method} ${address}`,
    ...(typeof policy === 'string' && { policy }),
    ...(version !== undefined && { path: `${org}/${app}/${domain}/${object}/${version}` }),
  };
}

/** For what fails before a route is chosen, an address that cannot be decoded for example. */
export function sendFrameworkProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  observe: Observe,
): void {
  reply.header('x-request-id', request.id);
  void sendProblem(toExpected(thrown, request.id, observe), request, reply);
}

function sendProblem(
  error: VelocityError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.errorCode = error.code;
  const [status] = errorCodes[error.code];
  if (error.headers !== undefined) reply.headers(error.headers);
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="velocity"');
  if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1');
  return reply
    .code(status)
    .header('content-type', problemContentType)
    .send(describeProblem(error, request.id, request.url));
}

/** Ours as it is, Fastify's under a code of ours; anything else is a bug and tells nothing. */
function toExpected(thrown: unknown, requestId: string, observe: Observe): VelocityError {
  if (thrown instanceof VelocityError) {
    // The caller sees a sentence; what made a 5xx is for the log.
    if (thrown.status >= 500) observe({ type: 'request.failed', requestId, cause: thrown });
    return thrown;
  }
  const { code = '', statusCode = 500 } = thrown as FastifyError;
  const known = frameworkCodes[code];
  if (known) return new VelocityError(known[0], known[1], { hint: known[2] });
  if (code.startsWith('FST_') && statusCode >= 400 && statusCode < 500) {
    return new VelocityError('BAD_REQUEST', 'The request is not well formed.', { cause: thrown });
  }
  observe({ type: 'request.failed', requestId, cause: thrown });
  return new VelocityError('INTERNAL_ERROR', 'Something went wrong on our side.', {
    hint: 'Send the request again; if it stays, the request id finds the cause in the log.',
  });
}

/** For bytes that are not HTTP: there is no request yet, so the answer is written by hand. */
export function answerClientError(error: Error, socket: Socket, newId: () => string): void {
  const { code } = error as NodeJS.ErrnoException;
  const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
  // Who has connected ahead and asked nothing yet must not take an answer for that to its first request.
  if (code === 'ECONNRESET' || !socket.writable || (isLate && socket.bytesRead === 0)) {
    socket.destroy();
    return;
  }
  const requestId = newId();
  const refusal = new VelocityError(
    'BAD_REQUEST',
    isLate ? 'The request did not arrive in time.' : 'The request is not well-formed HTTP.',
  );
  const body = describeProblem(refusal, requestId, '/');
  socket.end(
    [
      'HTTP/1.1 400 Bad Request',
      `Content-Type: ${problemContentType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-ID: ${requestId}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
