import type { KubernetesClient } from '../../resources/kubernetes/client.ts';
import { KubernetesError } from '../../resources/kubernetes/kubernetes-error.ts';
import type { CertificateState } from './decide-certificates.ts';
import { trustBundle } from './decide-certificates.ts';

/** Where replicas share their certificates, and where callers read whom to trust. */
export interface CertificateStore {
  read(): Promise<{ state: CertificateState | undefined; version: string }>;
  /** False when it is not at that version any more: somebody else has written. */
  write(state: CertificateState, version: string): Promise<boolean>;
  /** What all the configurations trust at present, PEM; empty when they do not agree. */
  readTrusted(): Promise<string>;
  /** Has the configurations trust this; writes only those that do not yet. */
  trust(bundle: string): Promise<void>;
}

export interface CertificateStoreOptions {
  readonly client: KubernetesClient;
  /** In the client's namespace; it exists already, so that nobody needs the right to create Secrets. */
  readonly secret: string;
  /** Of the validating and of the mutating configuration. */
  readonly configuration: string;
}

interface Secret {
  readonly metadata: { readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface Configuration {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

/** A Secret of Kubernetes' own TLS form, so that other tools can read it too, and the webhooks. */
export function openCertificateStore(options: CertificateStoreOptions): CertificateStore {
  const { client, secret, configuration } = options;
  const secretPath = `/api/v1/namespaces/${client.namespace}/secrets/${secret}`;
  const configurationPaths = ['validating', 'mutating'].map(
    (sort) => `/apis/admissionregistration.k8s.io/v1/${sort}webhookconfigurations/${configuration}`,
  );
  const readConfiguration = (path: string): Promise<Configuration> =>
    client.request<Configuration>({ method: 'GET', path });

  return {
    async read() {
      const found = await client.request<Secret>({ method: 'GET', path: secretPath });
      return { state: toState(found), version: found.metadata.resourceVersion ?? '' };
    },
    async write(state, version) {
      const current = await client.request<Secret>({ method: 'GET', path: secretPath });
      const metadata = { ...current.metadata, resourceVersion: version };
      const body = { ...current, metadata, data: toData(state) };
      try {
        await client.request({ method: 'PUT', path: secretPath, body });
        return true;
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 409) return false;
        throw error;
      }
    },
    async readTrusted() {
      const found = await Promise.all(configurationPaths.map(readConfiguration));
      const [first = '', ...others] = found
        .flatMap(({ webhooks = [] }) => webhooks)
        .map(({ clientConfig }) => decode(clientConfig.caBundle));
      return others.every((bundle) => bundle === first) ? first : '';
    },
    async trust(bundle) {
      const caBundle = encode(bundle);
      for (const path of configurationPaths) await trustIn(client, path, caBundle);
    },
  };
}

/** Replicas that write at the same time mostly write the same: whoever comes late looks again. */
const attemptsMax = 5;

async function trustIn(client: KubernetesClient, path: string, caBundle: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await client.request<Configuration>({ method: 'GET', path });
    const { webhooks = [] } = found;
    if (webhooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return;
    const trusting = webhooks.map((hook) => ({
      ...hook,
      clientConfig: { ...hook.clientConfig, caBundle },
    }));
    try {
      await client.request({ method: 'PUT', path, body: { ...found, webhooks: trusting } });
      return;
    } catch (error) {
      const raced = error instanceof KubernetesError && error.status === 409;
      if (!raced || attempt >= attemptsMax) throw error;
    }
  }
}

function toData(state: CertificateState): Record<string, string> {
  const { authority, successor, retired, serving } = state;
  return {
    'tls.crt': encode(serving.certificate),
    'tls.key': encode(serving.key),
    'ca.crt': encode(trustBundle(state)),
    'authority.crt': encode(authority.certificate),
    'authority.key': encode(authority.key),
    ...(successor !== undefined && {
      'successor.crt': encode(successor.certificate),
      'successor.key': encode(successor.key),
    }),
    ...(retired.length > 0 && { 'retired.crt': encode(retired.join('')) }),
  };
}

/** Undefined for a Secret that nobody has filled yet. */
function toState({ data = {} }: Secret): CertificateState | undefined {
  const keyed = (name: string) => ({
    certificate: decode(data[`${name}.crt`]),
    key: decode(data[`${name}.key`]),
  });
  const authority = keyed('authority');
  if (authority.certificate === '') return undefined;
  const successor = keyed('successor');
  const retired = decode(data['retired.crt']).match(certificatePattern) ?? [];
  return {
    authority,
    successor: successor.certificate === '' ? undefined : successor,
    retired: retired.map((pem) => `${pem}\n`),
    serving: keyed('tls'),
  };
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
