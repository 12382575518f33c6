import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerClientError } from '../../../src/api/plugins/problem.ts';

const lateAfterMs = 100;
let server: Server;

beforeAll(async () => {
  const limits = { requestTimeout: lateAfterMs, headersTimeout: lateAfterMs };
  server = createServer({ ...limits, connectionsCheckingInterval: 20 }, (_request, response) => {
    response.end('served');
  });
  server.on('clientError', (error, socket) => {
    answerClientError(error, socket as never, () => '0190f5c4-0000-7000-8000-000000000001');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => server?.close());

/** All that a connection hears which sends this and no more. */
async function hear(sent: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  if (sent !== '') socket.write(sent);
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  await once(socket, 'close');
  return heard;
}

describe('a connection', () => {
  it('that has asked nothing in time is closed without a word', async () => {
    expect(await hear('')).toBe('');
  });

  it('whose request does not arrive in time is told so', async () => {
    const heard = await hear('GET / HTTP/1.1\r\nHost: here\r\n');
    expect(heard).toMatch(/^HTTP\/1\.1 400 [\s\S]*did not arrive in time/);
  });

  it('that speaks no HTTP is told so', async () => {
    const heard = await hear('good morning\r\n\r\n');
    expect(heard).toMatch(/^HTTP\/1\.1 400 [\s\S]*not well-formed HTTP/);
  });
});
