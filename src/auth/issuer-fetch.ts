import type { CustomFetch } from 'openid-client';
import { fetch } from 'undici';
import type { Outbound } from '../resources/outbound/outbound.ts';
import { findAddressProblem } from '../resources/outbound/outbound-address.ts';

/** Documents, key sets and tokens of an issuer: some kilobytes. */
const bytesMax = 1_048_576;

/** How openid-client asks an issuer: never inside of the network, and never for more than it can hold. */
export function createIssuerFetch({
  dispatcher,
  hosts,
}: Pick<Outbound, 'dispatcher' | 'hosts'>): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const problem = findAddressProblem(url, hosts);
    if (problem !== undefined) throw new Error(problem.message);
    const answer = await fetch(url, {
      ...{ method, headers, dispatcher, redirect: 'manual' },
      ...(body !== undefined && body !== null && { body: body as string | URLSearchParams }),
      ...(signal !== undefined && { signal }),
    });
    let bytes = 0;
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body ?? []) {
      bytes += (chunk as Uint8Array).byteLength;
      if (bytes > bytesMax) throw new Error(`${url} answers more than ${bytesMax} bytes`);
      chunks.push(chunk as Uint8Array);
    }
    const text = Buffer.concat(chunks);
    const empty = answer.status === 204 || answer.status === 304;
    return new Response(empty ? null : text, {
      status: answer.status,
      headers: [...answer.headers],
    });
  };
}
