import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import type { OwnKubernetes } from './kubernetes.ts';
import { startKubernetes } from './kubernetes.ts';
import type { TestPostgres } from './servers.ts';
import { buildTemplate, startTestPostgres } from './servers.ts';
import type { TestTemporal } from './temporal.ts';
import { startTemporal } from './temporal.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where test files ask for the servers of this run. */
    readonly serversUrl: string;
  }
}

/**
 * The servers of one test run: one PostgreSQL, one Temporal, one Kubernetes API, each started
 * when the first test file asks for it, so that unit tests wait for none. All end with the run.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let postgres: Promise<TestPostgres> | undefined;
  let temporal: Promise<TestTemporal> | undefined;
  let kubernetes: Promise<OwnKubernetes> | undefined;
  const startPostgres = async (): Promise<TestPostgres> => {
    const server = await startTestPostgres();
    try {
      await buildTemplate(server.port);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  };
  const answers: Record<string, () => Promise<unknown>> = {
    '/postgres': async () => {
      postgres ??= startPostgres();
      return { port: (await postgres).port };
    },
    '/temporal': async () => {
      temporal ??= startTemporal();
      return { address: (await temporal).address };
    },
    '/kubernetes': async () => {
      kubernetes ??= startKubernetes();
      const { kubeconfig, url } = await kubernetes;
      return { kubeconfig, url };
    },
  };

  const door = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    void (answer?.() ?? Promise.reject(new Error('no such server'))).then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        response.writeHead(500).end(message);
      },
    );
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  project.provide('serversUrl', `http://127.0.0.1:${(door.address() as AddressInfo).port}`);

  return async () => {
    door.close();
    door.closeAllConnections();
    await Promise.allSettled([
      postgres?.then((server) => server.stop()),
      temporal?.then((server) => server.stop()),
      kubernetes?.then((server) => server.stop()),
    ]);
  };
}
