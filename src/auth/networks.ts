import { BlockList, isIP } from 'node:net';

/**
 * Whether an address lies in one of the networks, each an address with or without a prefix length.
 * What is no address lies in none; an IPv4 address counts as itself when it comes as ::ffff:10.0.0.1.
 */
export function openNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const type = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, type);
    else list.addSubnet(address, Number(bits), type);
  }
  return (address) => {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/** How dual-stack sockets spell IPv4 addresses, undone. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
