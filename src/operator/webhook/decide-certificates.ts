import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { KeyedCertificate } from './certificate.ts';
import { issueAuthority, issueServing } from './certificate.ts';

/** What the replicas of an operator share: who signs, what is served, what callers should trust. */
export interface CertificateState {
  readonly authority: KeyedCertificate;
  /** Trusted already, signs later: callers hear of it before they meet a certificate of its. */
  readonly successor: KeyedCertificate | undefined;
  /** Authorities that signed before, for as long as they are valid. */
  readonly retired: readonly string[];
  readonly serving: KeyedCertificate;
}

export interface Lifetimes {
  readonly authorityMs: number;
  readonly servingMs: number;
  /** A clock that is behind by this much accepts a new certificate all the same. */
  readonly backdateMs: number;
  /** How long a successor is trusted before it signs. */
  readonly settleMs: number;
}

export interface CertificateCircumstances {
  readonly now: Date;
  /** Names and addresses that callers use. */
  readonly hosts: readonly string[];
  readonly lifetimes: Lifetimes;
  /** What callers trust at present, PEM. */
  readonly trusted: string;
  readonly randomBytes: (size: number) => Buffer;
}

const dayMs = 86_400_000;
/** Certificates keep whole seconds, rounded down. */
const secondMs = 1_000;

export const defaultLifetimes: Lifetimes = {
  authorityMs: 365 * dayMs,
  servingMs: 90 * dayMs,
  backdateMs: 300_000,
  settleMs: 600_000,
};

/** Renewed when a third of its life is left: weeks to notice that something is in the way. */
const renewAtLifeLeft = 1 / 3;

type Step = readonly [
  applies: (state: CertificateState, at: CertificateCircumstances) => boolean,
  apply: (state: CertificateState, at: CertificateCircumstances) => CertificateState,
];

/** In this order; each looks at what the ones before it have left. */
const steps: readonly Step[] = [
  [authorityAges, addSuccessor],
  [successorIsTrusted, promoteSuccessor],
  [servingIsStale, renewServing],
  [retiredExpired, forgetExpired],
];

/** The state as it should be now: the very same object when there is nothing to do. */
export function decideCertificates(
  state: CertificateState | undefined,
  at: CertificateCircumstances,
): CertificateState {
  let next = state !== undefined && isUsable(state, at) ? state : create(at);
  for (const [applies, apply] of steps) if (applies(next, at)) next = apply(next, at);
  return next;
}

/** All that callers should trust, the authority to come among them. */
export function trustBundle({ authority, successor, retired }: CertificateState): string {
  const all = [successor?.certificate, authority.certificate, ...retired];
  return all
    .filter((pem) => pem !== undefined)
    .map((pem) => pem.trimEnd())
    .join('\n')
    .concat('\n');
}

/** Damaged, foreign or expired, it is made anew: nobody trusts what it has signed. */
function isUsable({ authority, serving }: CertificateState, { now }: CertificateCircumstances) {
  try {
    const signer = new X509Certificate(authority.certificate);
    const served = new X509Certificate(serving.certificate);
    return (
      signer.checkPrivateKey(createPrivateKey(authority.key)) &&
      served.checkPrivateKey(createPrivateKey(serving.key)) &&
      now < signer.validToDate
    );
  } catch {
    return false;
  }
}

function create(at: CertificateCircumstances): CertificateState {
  const authority = newAuthority(at);
  return { authority, successor: undefined, retired: [], serving: newServing(authority, at) };
}

function authorityAges({ authority, successor }: CertificateState, at: CertificateCircumstances) {
  return successor === undefined && isAging(authority.certificate, at.now);
}

function addSuccessor(state: CertificateState, at: CertificateCircumstances): CertificateState {
  return { ...state, successor: newAuthority(at) };
}

/** Written into the webhook's configuration, and long enough ago that every API server has read it. */
function successorIsTrusted({ successor }: CertificateState, at: CertificateCircumstances) {
  if (successor === undefined || !at.trusted.includes(successor.certificate.trim())) return false;
  const { validFromDate } = new X509Certificate(successor.certificate);
  const madeAt = validFromDate.getTime() + at.lifetimes.backdateMs + secondMs;
  return at.now.getTime() - madeAt >= at.lifetimes.settleMs;
}

function promoteSuccessor(state: CertificateState, at: CertificateCircumstances): CertificateState {
  const authority = state.successor ?? state.authority;
  return {
    authority,
    successor: undefined,
    retired: [state.authority.certificate, ...state.retired],
    serving: newServing(authority, at),
  };
}

function servingIsStale({ authority, serving }: CertificateState, at: CertificateCircumstances) {
  const certificate = new X509Certificate(serving.certificate);
  const signer = new X509Certificate(authority.certificate);
  const named = at.hosts.every((host) => covers(certificate, host));
  // At the end of an authority's life what it signs is short-lived; its successor is on the way.
  const ages = isAging(serving.certificate, at.now) && certificate.validToDate < signer.validToDate;
  return ages || !named || !certificate.verify(signer.publicKey);
}

function covers(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

function renewServing(state: CertificateState, at: CertificateCircumstances): CertificateState {
  return { ...state, serving: newServing(state.authority, at) };
}

function retiredExpired({ retired }: CertificateState, { now }: CertificateCircumstances) {
  return retired.some((pem) => hasExpired(pem, now));
}

function forgetExpired(
  state: CertificateState,
  { now }: CertificateCircumstances,
): CertificateState {
  return { ...state, retired: state.retired.filter((pem) => !hasExpired(pem, now)) };
}

function isAging(pem: string, now: Date): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  return validToDate.getTime() - now.getTime() < lifeMs * renewAtLifeLeft;
}

function hasExpired(pem: string, now: Date): boolean {
  return new X509Certificate(pem).validToDate <= now;
}

function newAuthority({ now, lifetimes, randomBytes }: CertificateCircumstances) {
  const notBefore = new Date(now.getTime() - lifetimes.backdateMs);
  const notAfter = new Date(now.getTime() + lifetimes.authorityMs);
  // Authorities of one name would be mistaken for each other by whoever builds the chain.
  const name = `velocity webhook ${randomBytes(4).toString('hex')}`;
  return issueAuthority(name, { validity: { notBefore, notAfter }, randomBytes });
}

function newServing(authority: KeyedCertificate, at: CertificateCircumstances): KeyedCertificate {
  const { now, lifetimes, hosts, randomBytes } = at;
  const notBefore = new Date(now.getTime() - lifetimes.backdateMs);
  const ends = new X509Certificate(authority.certificate).validToDate.getTime();
  const notAfter = new Date(Math.min(now.getTime() + lifetimes.servingMs, ends));
  return issueServing(hosts, authority, { validity: { notBefore, notAfter }, randomBytes });
}
