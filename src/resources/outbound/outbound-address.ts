import type { ReachableHosts } from './reachable-hosts.ts';
import { isPublicHost } from './reachable-hosts.ts';

/** What is wrong with an address that a user wrote down and that Velocity is to call. */
export interface AddressProblem {
  readonly rule: 'address' | 'address-private' | 'address-plain';
  readonly message: string;
  readonly hint: string;
}

/**
 * Judges what can be judged without asking a resolver; where the name leads is checked once more at
 * every connection. `hosts` undefined: nobody here knows what the installation allows.
 */
export function findAddressProblem(
  text: string,
  hosts: ReachableHosts | undefined,
): AddressProblem | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    return form(`${JSON.stringify(text)} is not an address.`, 'Write https://HOST/PATH.');
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    return form(
      'The address holds a user, a password or a fragment.',
      'Write https://HOST/PATH without them.',
    );
  }
  if (hosts?.names(url.hostname) === true) return undefined;
  if (!isPublicHost(url.hostname)) {
    return {
      rule: 'address-private',
      message: `${url.hostname} is inside the network, where Velocity does not call.`,
      hint: 'Use a public address, or have the host named in VELOCITY_OUTBOUND_ALLOW.',
    };
  }
  if (url.protocol === 'https:') return undefined;
  return {
    rule: 'address-plain',
    message: 'The address is of plain HTTP, which anybody on the way can change.',
    hint: 'Write https://, or have the host named in VELOCITY_OUTBOUND_ALLOW.',
  };
}

function form(message: string, hint: string): AddressProblem {
  return { rule: 'address', message, hint };
}
