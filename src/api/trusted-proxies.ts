import { openNetworks } from '../auth/networks.ts';

/**
 * Whose `X-Forwarded-For` is believed, as Fastify asks it for each hop from the nearest on: the first
 * that is not trusted is the caller. What a caller forges stands further away and is never reached.
 */
export function trustProxies(
  networks: readonly string[] | undefined,
): false | ((address: string) => boolean) {
  if (networks === undefined || networks.length === 0) return false;
  const isTrusted = openNetworks(networks);
  // A socket that has closed meanwhile has no address any more.
  return (address: string | undefined) => address !== undefined && isTrusted(address);
}
