import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { issueAuthority, issueServing } from '../../../../src/operator/webhook/certificate.ts';
import type {
  CertificateCircumstances,
  CertificateState,
} from '../../../../src/operator/webhook/decide-certificates.ts';
import {
  decideCertificates,
  defaultLifetimes,
  trustBundle,
} from '../../../../src/operator/webhook/decide-certificates.ts';

const dayMs = 86_400_000;
const start = new Date('2026-11-21T12:00:00Z');
const hosts = ['velocity-operator.velocity.svc', '127.0.0.1', '2001:db8::7'];

const daysLater = (days: number): Date => new Date(start.getTime() + days * dayMs);

function circumstances(over: Partial<CertificateCircumstances> = {}): CertificateCircumstances {
  return { now: start, hosts, lifetimes: defaultLifetimes, trusted: '', randomBytes, ...over };
}

describe('a certificate', () => {
  const now = Date.now();
  const validity = { notBefore: new Date(now - 60_000), notAfter: new Date(now + 60_000) };
  const options = { validity, randomBytes };
  const authority = issueAuthority('velocity test', options);
  const serving = issueServing(hosts, authority, options);

  it('says what it was made for', () => {
    const signer = new X509Certificate(authority.certificate);
    const served = new X509Certificate(serving.certificate);
    expect(signer.ca).toBe(true);
    expect(signer.verify(signer.publicKey)).toBe(true);
    expect(served.ca).toBe(false);
    expect(served.verify(signer.publicKey)).toBe(true);
    expect(served.checkIssued(signer)).toBe(true);
    expect(served.checkPrivateKey(createPrivateKey(serving.key))).toBe(true);
    expect(served.checkHost(hosts[0]!)).toBe(hosts[0]);
    expect(served.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(served.subjectAltName).toContain('IP Address:2001:DB8:0:0:0:0:0:7');
    expect(served.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(served.checkHost('elsewhere.svc')).toBeUndefined();
  });

  it('keeps times before and after 2050', () => {
    const long = {
      notBefore: new Date('2049-12-31T23:59:59Z'),
      notAfter: new Date('2050-01-01T00:00:00Z'),
    };
    const late = new X509Certificate(
      issueAuthority('late', { validity: long, randomBytes }).certificate,
    );
    expect(late.validFromDate).toEqual(long.notBefore);
    expect(late.validToDate).toEqual(long.notAfter);
  });

  it('convinces a client that trusts its authority, and nobody else', async () => {
    const server = createServer({ cert: serving.certificate, key: serving.key }).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const greet = async (ca: string): Promise<void> => {
      const socket = connect({ port, host: '127.0.0.1', ca, minVersion: 'TLSv1.2' });
      await once(socket, 'secureConnect').finally(() => socket.destroy());
    };
    await greet(authority.certificate);
    const other = issueAuthority('velocity test', options);
    await expect(greet(other.certificate)).rejects.toThrow();
    server.close();
  });
});

describe('certificates of the webhook', () => {
  const first = decideCertificates(undefined, circumstances());

  it('are left as they are for two thirds of their life', () => {
    for (const days of [0, 30, 59]) {
      expect(decideCertificates(first, circumstances({ now: daysLater(days) }))).toBe(first);
    }
  });

  it('are served anew, by the same authority, before they end', () => {
    const next = decideCertificates(first, circumstances({ now: daysLater(61) }));
    expect(next.authority).toBe(first.authority);
    expect(next.serving).not.toEqual(first.serving);
    expect(trustBundle(next)).toBe(trustBundle(first));
  });

  it('change their authority in two steps, the trust first', () => {
    const now = daysLater(245);
    const both = decideCertificates(first, circumstances({ now }));
    expect(both.authority).toBe(first.authority);
    expect(both.successor).toBeDefined();
    expect(trustBundle(both)).toContain(first.authority.certificate);

    // Not before callers trust it, and not before all of them have heard.
    const later = new Date(now.getTime() + 601_000);
    expect(decideCertificates(both, circumstances({ now: later })).authority).toBe(first.authority);
    const trusted = trustBundle(both);
    expect(decideCertificates(both, circumstances({ now, trusted }))).toBe(both);

    const changed = decideCertificates(both, circumstances({ now: later, trusted }));
    expect(changed.authority).toBe(both.successor);
    expect(changed.successor).toBeUndefined();
    expect(isSignedBy(changed, both.successor!.certificate)).toBe(true);
    // Replicas that have not read it yet serve what the old one signed.
    expect(trustBundle(changed)).toContain(first.authority.certificate);
  });

  it('forget an authority when it has expired', () => {
    const old = issueAuthority('old', {
      validity: { notBefore: start, notAfter: daysLater(1) },
      randomBytes,
    });
    const state = { ...first, retired: [old.certificate] };
    expect(decideCertificates(state, circumstances())).toBe(state);
    expect(decideCertificates(state, circumstances({ now: daysLater(2) })).retired).toEqual([]);
  });

  it('never go without a valid certificate over ten years of weekly looks', () => {
    let state: CertificateState | undefined;
    let trusted = '';
    for (let day = 0; day < 3_650; day += 7) {
      const now = daysLater(day);
      state = decideCertificates(state, circumstances({ now, trusted }));
      trusted = trustBundle(state);
      const served = new X509Certificate(state.serving.certificate);
      expect(now >= served.validFromDate && now < served.validToDate).toBe(true);
      expect(isSignedBy(state, state.authority.certificate)).toBe(true);
      expect(trusted.match(/BEGIN/g)!.length).toBeLessThanOrEqual(3);
    }
  });

  it('are made anew when the hosts change, the key is not theirs, or nothing can be read', () => {
    const renamed = decideCertificates(first, circumstances({ hosts: ['other.svc'] }));
    expect(renamed.authority).toBe(first.authority);
    expect(new X509Certificate(renamed.serving.certificate).checkHost('other.svc')).toBeDefined();
    const swapped = { ...first, serving: { ...first.serving, key: first.authority.key } };
    expect(decideCertificates(swapped, circumstances()).authority).not.toEqual(first.authority);
    const torn = { ...first, authority: { certificate: 'x', key: 'y' } };
    expect(decideCertificates(torn, circumstances()).authority.certificate).toContain('BEGIN');
  });
});

function isSignedBy({ serving }: CertificateState, authority: string): boolean {
  return new X509Certificate(serving.certificate).verify(new X509Certificate(authority).publicKey);
}
