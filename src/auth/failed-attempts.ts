import { isIPv6 } from 'node:net';
import { plainAddress } from './networks.ts';

/** Slows whoever tries credentials; nobody else's address is touched by it. */
export interface FailedAttempts {
  /** For how long this address tries nothing more: 0 for nearly everybody. */
  waitMs(address: string): number;
  /** Counts a failure; answers for how long its answer is held back. */
  failed(address: string): number;
}

export interface FailedAttemptsOptions {
  readonly now: () => number;
  readonly addressesMax?: number;
}

/** A client with an old key, or a person who mistypes, feels nothing. */
const burst = 50;
/** After that an address has its failures answered at this pace: 20 a second. */
const intervalMs = 50;
/** Answers held back for longer are not held: the address is told to come back instead. */
const heldMsMax = 10_000;
/** 10,000 addresses are about 1 MB; beyond it those that failed longest ago are forgotten. */
const addressesMaxDefault = 10_000;

/**
 * The generic cell rate algorithm (ITU-T I.371): one instant for each address says when its last failure
 * would have come at the allowed pace. Kept in the process: each replica slows for itself.
 */
export function createFailedAttempts(options: FailedAttemptsOptions): FailedAttempts {
  const { now, addressesMax = addressesMaxDefault } = options;
  const paceOf = new Map<string, number>();
  const behindMs = (pace: number): number => pace - now() - burst * intervalMs;

  return {
    waitMs(address) {
      // So that the fast path pays for nothing while nobody fails.
      if (paceOf.size === 0) return 0;
      const pace = paceOf.get(networkOf(address));
      return pace === undefined ? 0 : Math.max(0, behindMs(pace) - heldMsMax);
    },
    failed(address) {
      const network = networkOf(address);
      const pace = Math.max(now(), paceOf.get(network) ?? 0) + intervalMs;
      paceOf.delete(network);
      paceOf.set(network, pace);
      if (paceOf.size > addressesMax) paceOf.delete(paceOf.keys().next().value!);
      return Math.max(0, behindMs(pace));
    },
  };
}

/** The /64 of an IPv6 address: whoever has one of its addresses has them all. */
function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
