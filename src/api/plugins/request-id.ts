import type { IncomingMessage } from 'node:http';

/** What we echo: short, printable, and nothing that could break a log line or a header. */
const wellFormed = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's `X-Request-ID` when it is well formed, else one of ours. */
export function requestIdOf(request: IncomingMessage, newId: () => string): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && wellFormed.test(given) ? given : newId();
}
