import { createServer } from 'node:net';

const loopback = '127.0.0.1';

/** A port of the loopback address that nobody listens on now. */
export async function findFreePort(): Promise<number> {
  const port = await tryListen(0);
  if (port === undefined) throw new Error('no free port on the loopback address');
  return port;
}

/** The first of the preferred ports that is free, else any; never one of `taken`. */
export async function choosePort(
  preferred: readonly (number | undefined)[],
  taken: ReadonlySet<number> = new Set(),
): Promise<number> {
  for (const port of preferred) {
    if (port === undefined || taken.has(port)) continue;
    if ((await tryListen(port)) !== undefined) return port;
  }
  return findFreePort();
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: loopback, exclusive: true }, () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}
