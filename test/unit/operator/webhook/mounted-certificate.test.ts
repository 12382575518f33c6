import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Observation } from '../../../../src/observe.ts';
import type { KeyedCertificate } from '../../../../src/operator/webhook/certificate.ts';
import { issueAuthority, issueServing } from '../../../../src/operator/webhook/certificate.ts';
import { followMountedCertificate } from '../../../../src/operator/webhook/follow-mounted-certificate.ts';
import type { WebhookServer } from '../../../../src/operator/webhook/webhook-server.ts';
import { openWebhookServer } from '../../../../src/operator/webhook/webhook-server.ts';
import { until } from '../../../support/until.ts';

const validity = { notBefore: new Date(Date.now() - 1_000), notAfter: new Date(Date.now() + 1e7) };
const authority = issueAuthority('somebody else', { validity, randomBytes });
const issue = () => issueServing(['127.0.0.1'], authority, { validity, randomBytes });

let directory: string;
let server: WebhookServer;
let following: Promise<void>;
const stop = new AbortController();
const seen: Observation[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocity-mounted-'));
  server = await openWebhookServer({
    ...{ host: '127.0.0.1', port: 0 },
    observe: (observation) => seen.push(observation),
    speaksForOthers: () => false,
    loadView: () => Promise.reject(new Error('nothing is asked here')),
  });
  following = followMountedCertificate({
    directory,
    serve: server.serve,
    observe: (observation) => seen.push(observation),
    intervalMs: 10,
    signal: stop.signal,
  });
});

afterAll(async () => {
  stop.abort();
  await following;
  await server.close();
  await rm(directory, { recursive: true });
});

describe('a certificate that is mounted', () => {
  it('is served from when it is there, and again when it is replaced', async () => {
    await expect(greet()).rejects.toThrow();
    const [first, second] = [issue(), issue()];
    await mount('1', first);
    await until(async () => (await greet().catch(() => '')) === fingerprint(first), 5_000);
    await mount('2', second);
    await until(async () => (await greet()) === fingerprint(second), 5_000);
  });

  it('stays as it is while what is mounted is no pair', async () => {
    const before = await greet();
    const failures = seen.length;
    await mount('3', { certificate: issue().certificate, key: issue().key });
    await mount('4', { certificate: 'torn', key: 'torn' });
    await until(async () => seen.length > failures, 5_000);
    expect(await greet()).toBe(before);
    expect(seen.at(-1)).toMatchObject({ type: 'certificates.failed' });
  });
});

/** As the kubelet does it: a directory of each state, and a link that is swapped. */
async function mount(state: string, { certificate, key }: KeyedCertificate): Promise<void> {
  await mkdir(join(directory, `..${state}`));
  await writeFile(join(directory, `..${state}`, 'tls.crt'), certificate);
  await writeFile(join(directory, `..${state}`, 'tls.key'), key);
  await symlink(`..${state}`, join(directory, '..next'));
  await rename(join(directory, '..next'), join(directory, '..data'));
  for (const name of ['tls.crt', 'tls.key']) {
    await symlink(`..data/${name}`, join(directory, name)).catch(() => undefined);
  }
}

async function greet(): Promise<string> {
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: authority.certificate });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()!.fingerprint256;
  } finally {
    socket.destroy();
  }
}

function fingerprint({ certificate }: KeyedCertificate): string {
  return new X509Certificate(certificate).fingerprint256;
}
