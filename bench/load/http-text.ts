import type { Target } from './messages.ts';

/** A request without a body, as it goes over the wire. */
export function bare(method: string, path: string, target: Target, more = ''): string {
  return `${start(method, path, target)}${more}\r\n`;
}

/** A request with a JSON body; `more` holds further header lines, each with its end. */
export function withBody(
  method: string,
  path: string,
  target: Target,
  body: string,
  more = '',
): string {
  const length = Buffer.byteLength(body);
  return `${start(method, path, target)}${more}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

function start(method: string, path: string, target: Target): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nAuthorization: Bearer ${target.key}\r\n`;
}
