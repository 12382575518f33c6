import { randomBytes } from 'node:crypto';
import type { Resource } from '../../contract/kinds.ts';
import type { Observe } from '../../observe.ts';
import { createAdmissionView } from '../../resources/admission/view.ts';
import type { FindVersions } from '../../resources/kubernetes/admission-view.ts';
import { loadViewContents } from '../../resources/kubernetes/admission-view.ts';
import type { KubernetesClient } from '../../resources/kubernetes/client.ts';
import { reachableHosts } from '../../resources/outbound/reachable-hosts.ts';
import { openCertificateStore } from './certificate-store.ts';
import type { Lifetimes } from './decide-certificates.ts';
import { defaultLifetimes } from './decide-certificates.ts';
import { followMountedCertificate } from './follow-mounted-certificate.ts';
import { keepCertificates } from './keep-certificates.ts';
import { openWebhookServer } from './webhook-server.ts';

export interface WebhookOptions {
  readonly client: KubernetesClient;
  readonly findVersions: FindVersions;
  readonly observe: Observe;
  readonly host: string;
  readonly port: number;
  /** Names and addresses that the API server calls. */
  readonly hosts: readonly string[];
  /** Where somebody else keeps the certificate; undefined: the operator makes its own. */
  readonly certificateDirectory: string | undefined;
  /** Callers that have proven themselves whom they speak for: the API. */
  readonly speakers: readonly string[];
  /** Private addresses that manifests may name: VELOCITY_OUTBOUND_ALLOW. */
  readonly outboundAllow?: readonly string[];
  readonly secret?: string;
  readonly configuration?: string;
  readonly lifetimes?: Lifetimes;
  readonly intervalMs?: number;
  readonly signal: AbortSignal;
  /** Told the port once the server listens. */
  readonly listening?: (port: number) => void;
}

/** As deploy/kubernetes names them. */
const secretDefault = 'velocity-webhook-certificate';
const configurationDefault = 'velocity';
/** A Secret that was replaced or a configuration that lost its bundle is mended this soon. */
const intervalMsDefault = 10_000;

/** Judges and stamps what is written to the cluster, until the signal. */
export async function runWebhook(options: WebhookOptions): Promise<void> {
  const { client, findVersions, observe, speakers, signal } = options;
  const reachable = reachableHosts(options.outboundAllow ?? []);
  const server = await openWebhookServer({
    host: options.host,
    port: options.port,
    observe,
    speaksForOthers: (username) => speakers.includes(username),
    loadView: async (candidate) => {
      const candidates: readonly Resource[] = [candidate];
      const contents = await loadViewContents({ client, findVersions, candidates, stored: [] });
      return createAdmissionView({ ...contents, candidates, reachable, arrivesAlone: true });
    },
  });
  options.listening?.(server.port);
  const intervalMs = options.intervalMs ?? intervalMsDefault;
  const { certificateDirectory: directory } = options;
  const following = { serve: server.serve, observe, intervalMs, signal };
  if (directory !== undefined) await followMountedCertificate({ directory, ...following });
  else {
    const secret = options.secret ?? secretDefault;
    const configuration = options.configuration ?? configurationDefault;
    await keepCertificates({
      ...following,
      store: openCertificateStore({ client, secret, configuration }),
      hosts: options.hosts,
      lifetimes: options.lifetimes ?? defaultLifetimes,
      now: () => new Date(),
      randomBytes,
    });
  }
  await server.close();
}
