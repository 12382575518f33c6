import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import { Agent, buildConnector, request } from 'undici';
import { findAddressProblem } from './outbound-address.ts';
import type { ReachableHosts } from './reachable-hosts.ts';
import { plainHost, reachableHosts } from './reachable-hosts.ts';

/** Calls to addresses that users wrote down: never inside the network, never where a redirect leads. */
export interface Outbound {
  /** A JSON document; throws where there is none, with everything that can go wrong on the way. */
  fetchJson(url: string, bounds: FetchBounds): Promise<unknown>;
  /** For a client of its own: refuses private addresses at connect. It follows no redirects. */
  readonly dispatcher: Dispatcher;
  readonly hosts: ReachableHosts;
  close(): Promise<void>;
}

export interface FetchBounds {
  readonly bytesMax: number;
  /** From the first look-up to the last byte. */
  readonly timeoutMs: number;
}

export interface OutboundOptions {
  /** Networks, addresses and names that may be private: `VELOCITY_OUTBOUND_ALLOW`. */
  readonly allowed: readonly string[];
  /** Every address of a name. */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

const connectMs = 5_000;

export function openOutbound(options: OutboundOptions): Outbound {
  const hosts = reachableHosts(options.allowed);
  const resolve = options.resolve ?? ((name) => lookup(name, { all: true }));
  const connect = buildConnector({ lookup: checkedLookup(hosts, resolve), timeout: connectMs });
  const dispatcher = new Agent({
    connect: (target, callback) => {
      // A literal address is never looked up, so it is judged here.
      const host = plainHost(target.hostname);
      if (isIP(host) !== 0 && !hosts.allows(host, host)) callback(unreachable(host, host), null);
      else connect(target, callback);
    },
    // A connection for each call: every one is checked, and none is found dead.
    pipelining: 0,
  });
  return {
    hosts,
    dispatcher,
    close: () => dispatcher.close(),
    async fetchJson(url, { bytesMax, timeoutMs }) {
      const problem = findAddressProblem(url, hosts);
      if (problem !== undefined) throw new Error(problem.message);
      const { statusCode, body } = await request(url, {
        dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
        headers: { accept: 'application/json' },
      });
      // Undici reports a body that is given up as an error, and nobody reads it any more.
      body.on('error', () => {});
      if (statusCode !== 200) {
        body.destroy();
        throw new Error(`${url} answers ${statusCode} instead of 200`);
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      // Leaving the loop destroys the body, and with it the connection.
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > bytesMax) throw new Error(`${url} answers more than ${bytesMax} bytes`);
        chunks.push(chunk);
      }
      return JSON.parse(Buffer.concat(chunks).toString('utf8'));
    },
  };
}

/**
 * The connection is made to the very addresses that were judged, so a name cannot lead elsewhere
 * between the two (rebinding). One private address among several refuses them all.
 */
function checkedLookup(
  hosts: ReachableHosts,
  resolve: NonNullable<OutboundOptions['resolve']>,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const refused = found.find(({ address }) => !hosts.allows(hostname, address));
        const addresses = [...found];
        const [first] = addresses;
        if (refused !== undefined || first === undefined) {
          callback(unreachable(hostname, refused?.address ?? 'nothing'), []);
        } else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (cause: NodeJS.ErrnoException) => callback(cause, []),
    );
  };
}

function unreachable(hostname: string, address: string): Error {
  return new Error(`${hostname} leads to ${address}, which is inside the network`);
}
