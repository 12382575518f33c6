import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureBootstrapKey } from '../../../src/auth/bootstrap-key.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import type { ControlPlane } from '../../support/control-plane.ts';
import { startControlPlane } from '../../support/control-plane.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { removeResources } from '../../support/kubernetes-access.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';

const execute = promisify(execFile);
const binary = fileURLToPath(new URL('../../../bin/velocity.mjs', import.meta.url));

/** A cluster of the caller's own, with a database, a Temporal and an API beside it. */
export interface ClusterPlane {
  readonly kubernetes: OwnKubernetes;
  /** A cluster admin's. */
  readonly client: KubernetesClient;
  readonly plane: ControlPlane;
  readonly api: ApiProcess;
  readonly adminKey: string;
  kubectl(...args: string[]): Promise<string>;
  /** The command line, as the platform's administrator. */
  velocity(...args: string[]): Promise<string>;
  call(path: string, init?: RequestInit & { readonly key?: string }): Promise<Response>;
  stop(): Promise<void>;
}

export async function startClusterPlane(): Promise<ClusterPlane> {
  await using undo = new AsyncDisposableStack();
  const kubernetes = await startKubernetes();
  undo.defer(() => kubernetes.stop());
  const { kubeconfig } = kubernetes;
  const client = await createKubernetesClient({ kubeconfig, namespace: undefined });
  undo.defer(() => client.close());
  const plane = await startControlPlane({ kubernetes: { kubeconfig, client } });
  undo.defer(() => plane.stop());
  const adminKey = await ensureBootstrapKey(plane.environment['VELOCITY_DATABASE_URL']!, {
    env: 'test',
  });
  const api = await spawnApi({
    ...plane.environment,
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
  });
  if (api.url === undefined) throw new Error(`the API did not start: ${api.stderr.join('\n')}`);
  undo.defer(async () => {
    api.kill('SIGTERM');
    await api.exited;
  });
  const home = await mkdtemp(join(tmpdir(), 'velocity-cluster-'));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: home },
    ...{ VELOCITY_API_URL: api.url, VELOCITY_API_KEY: adminKey },
  };
  const everything = undo.move();
  return {
    kubernetes,
    client,
    plane,
    api,
    adminKey,
    kubectl: (...args) => kubectl(kubeconfig, args),
    velocity: async (...args) =>
      (await execute(process.execPath, [binary, ...args], { cwd: home, env })).stdout,
    call: (path, { key = adminKey, headers, ...init } = {}) =>
      fetch(new URL(path, api.url), {
        ...init,
        headers: { authorization: `Bearer ${key}`, ...(headers as Record<string, string>) },
      }),
    stop: async () => {
      await removeResources(client).catch(() => undefined);
      await everything.disposeAsync();
    },
  };
}
