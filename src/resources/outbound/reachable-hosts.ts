import { BlockList, isIP } from 'node:net';

/**
 * Where Velocity may call an address that a user wrote down: anything public, and what the
 * configuration names (`VELOCITY_OUTBOUND_ALLOW`): networks, addresses, host names, `*.suffix`.
 */
export interface ReachableHosts {
  /** Whether a connection may be made to this address on behalf of this name. */
  allows(hostname: string, address: string): boolean;
  /** Whether the configuration names the host itself: then it may be private, and plain HTTP. */
  names(hostname: string): boolean;
}

/**
 * Networks that are not the public internet: the special-purpose registries of IANA (RFC 6890 and
 * its updates), with everything that embeds an IPv4 address, which could lead back to one.
 */
const privateNetworks = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Only 2000::/3 is given out at all; within it these are not for the public.
  ...['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
];

/** Names that no public resolver answers. */
const privateName =
  /(^|\.)(localhost|local|internal|intranet|lan|home|corp|svc|arpa|test|invalid)$/;

export function reachableHosts(allowed: readonly string[]): ReachableHosts {
  const networks = blockList(allowed.filter((entry) => isIP(entry.split('/', 1)[0] ?? '') !== 0));
  const named = new Set(allowed.map((entry) => entry.toLowerCase()));
  const suffixes = [...named].filter((entry) => entry.startsWith('*.')).map((one) => one.slice(1));
  const names = (hostname: string): boolean => {
    const host = plainHost(hostname);
    if (isIP(host) !== 0) return check(networks, host);
    return named.has(host) || suffixes.some((suffix) => host.endsWith(suffix));
  };
  return {
    names,
    allows: (hostname, address) =>
      names(hostname) || check(networks, address) || isPublicAddress(address),
  };
}

/** Whether the host can be public, going by its name or address alone. */
export function isPublicHost(hostname: string): boolean {
  const host = plainHost(hostname);
  if (isIP(host) !== 0) return isPublicAddress(host);
  return host.includes('.') && !privateName.test(host);
}

/** Without the brackets of an IPv6 address and the dot of the root. */
export function plainHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

const privateList = blockList(privateNetworks);

function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && !check(privateList, address);
}

interface Networks {
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

function check(networks: Networks, address: string): boolean {
  // An IPv4 address that came through an IPv6 socket.
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const family = familyOf(plain);
  return networks[family].check(plain, family);
}

/** One list a family: Node holds IPv4 addresses against networks of IPv6 too, as `::ffff:…`. */
function blockList(networks: readonly string[]): Networks {
  const lists: Networks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    if (bits === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(bits), family);
  }
  return lists;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
