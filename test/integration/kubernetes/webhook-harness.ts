import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Observation } from '../../../src/observe.ts';
import type { WebhookOptions } from '../../../src/operator/webhook/run-webhook.ts';
import { runWebhook } from '../../../src/operator/webhook/run-webhook.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { kubectl } from '../../support/kubernetes.ts';

export const systemNamespace = 'velocity-system';

export interface RunningWebhook {
  readonly seen: Observation[];
  stop(): Promise<void>;
}

/** One replica of the operator's webhook, as a cluster admin, on a port of this machine. */
export async function startWebhook(
  options: { readonly kubeconfig: string; readonly port: number } & Partial<WebhookOptions>,
): Promise<RunningWebhook> {
  const { kubeconfig, ...given } = options;
  const client = await createKubernetesClient({ kubeconfig, namespace: systemNamespace });
  const stop = new AbortController();
  const seen: Observation[] = [];
  const listening = Promise.withResolvers<number>();
  const running = runWebhook({
    client,
    findVersions: () => Promise.resolve([]),
    observe: (observation) => seen.push(observation),
    host: '127.0.0.1',
    hosts: ['127.0.0.1'],
    certificateDirectory: undefined,
    speakers: [],
    intervalMs: 100,
    listening: listening.resolve,
    ...given,
    signal: stop.signal,
  });
  running.catch(listening.reject);
  await listening.promise;
  return {
    seen,
    stop: async () => {
      stop.abort();
      await running;
      await client.close();
    },
  };
}

/** The webhook's manifests as they are shipped, but for the address: a Service leads nowhere here. */
export async function installWebhook(kubeconfig: string, port: number): Promise<void> {
  const items = ['namespace', 'webhook']
    .flatMap((name) => readDocuments(`deploy/kubernetes/${name}.yaml`))
    .map((document) => {
      for (const { clientConfig } of document.webhooks ?? []) {
        clientConfig.url = `https://127.0.0.1:${port}${clientConfig.service?.path}`;
        delete clientConfig.service;
      }
      return document;
    });
  await apply(kubeconfig, items);
}

interface Document {
  kind: string;
  webhooks?: { clientConfig: { url?: string; service?: { path: string } } }[];
}

function readDocuments(path: string): Document[] {
  const file = new URL(`../../../${path}`, import.meta.url);
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS());
}

export function apply(
  kubeconfig: string,
  items: readonly object[],
  args: readonly string[] = [],
): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return kubectl(kubeconfig, ['apply', '-f', '-', ...args], { input });
}

export async function createNamespaces(kubeconfig: string, names: readonly string[]) {
  const items = names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await apply(kubeconfig, items);
}

/** What was said on refusing. */
export function refusal(refused: Promise<string>): Promise<string> {
  return refused.then(
    (said) => `accepted: ${said}`,
    (error: Error) => error.message,
  );
}
