import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** Which way bytes travel: `up` to the server, `down` to the client. */
export type Direction = 'up' | 'down';

/** A TCP proxy that can stop delivering in one direction while both sides believe in the connection. */
export interface FaultProxy {
  readonly port: number;
  /** From now on what travels this way is kept and not delivered. */
  hold(direction: Direction): void;
  /** What is being kept, as text. */
  held(): string;
  /** Connections that there are now deliver nothing more, either way, and nobody is told. */
  strand(): void;
  /** Drops what was kept and every connection with it; new ones pass. */
  cut(): void;
  close(): Promise<void>;
}

export async function openFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  let holding: Direction | undefined;
  let kept: Buffer[] = [];
  let stranded = new WeakSet<Socket>();

  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (stranded.has(from)) return;
      if (holding === direction) kept.push(chunk);
      else to.write(chunk);
    });
    // While something is held the other side does not hear that this one is gone.
    from.on('close', () => {
      sockets.delete(from);
      if (holding === undefined && !stranded.has(from)) to.destroy();
    });
    from.on('error', () => {});
  };

  const server: Server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = (): void => {
    holding = undefined;
    kept = [];
    stranded = new WeakSet();
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    hold: (direction) => {
      holding = direction;
    },
    strand: () => {
      for (const socket of sockets) stranded.add(socket);
    },
    held: () => Buffer.concat(kept).toString('latin1'),
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
