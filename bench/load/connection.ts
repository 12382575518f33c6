import type { Socket } from 'node:net';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  /** The last bytes of the answer, where a refusal tells what is wrong. */
  readonly text: () => string;
}

/**
 * One HTTP/1.1 connection that sends a request at a time. It reads no more of an answer than its
 * status and length: undici takes 35 µs of CPU for a small request and this takes 10, which on two
 * cores decides whether the services or the loader are measured. Answers must have a Content-Length.
 */
export interface Connection {
  /** `onAnswer` is called once for each request. */
  send(request: string, onAnswer: (answer: Answer) => void): void;
  close(): void;
}

const statusAt = 'HTTP/1.1 '.length;
const headersEnd = Buffer.from('\r\n\r\n');
const lengthHeader = Buffer.from('\r\ncontent-length: ');
/** Answers that have no body, and so no length. */
const bodiless = new Set(['204', '304']);

export async function openConnection(
  port: number,
  onLost: (cause: Error) => void,
): Promise<Connection> {
  const socket = await open(port);
  let waiting: ((answer: Answer) => void) | undefined;
  let received: Buffer = Buffer.alloc(0);
  let closed = false;

  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const whole = received;
    const end = answerEnd(whole);
    if (end === undefined || whole.length < end) return;
    received = Buffer.alloc(0);
    const answer = waiting;
    waiting = undefined;
    answer?.({
      status: Number(whole.toString('latin1', statusAt, statusAt + 3)),
      text: () => whole.toString('utf8'),
    });
  });
  socket.on('error', onLost);
  socket.on('close', () => {
    if (!closed) onLost(new Error('the service closed a connection'));
  });

  return {
    send(request, onAnswer) {
      waiting = onAnswer;
      socket.write(request);
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Where the answer ends; undefined while its headers are not all there. */
function answerEnd(bytes: Buffer): number | undefined {
  const headers = bytes.indexOf(headersEnd);
  if (headers === -1) return undefined;
  if (bodiless.has(bytes.toString('latin1', statusAt, statusAt + 3)))
    return headers + headersEnd.length;
  const at = bytes.indexOf(lengthHeader);
  if (at === -1 || at > headers) throw new Error('an answer without Content-Length');
  const from = at + lengthHeader.length;
  const length = Number(bytes.toString('latin1', from, bytes.indexOf(0x0d, from)));
  return headers + headersEnd.length + length;
}
