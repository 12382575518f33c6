import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Config } from '../config.ts';
import type { Metrics } from '../observe.ts';

/** `/metrics` and `/healthz` of a process that serves nothing else; answers how to close it. */
export async function serveMetrics(options: {
  config: Pick<Config, 'host' | 'metricsPort'>;
  metrics: Metrics;
  /** Asked beyond answering at all, which by itself says that the process goes on. */
  isAlive?: () => boolean;
}): Promise<() => Promise<void>> {
  const { config, metrics, isAlive = () => true } = options;
  if (config.metricsPort === undefined) return () => Promise.resolve();
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/healthz') {
      response.writeHead(isAlive() ? 200 : 503).end();
      return;
    }
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(config.metricsPort, config.host);
  await once(server, 'listening');
  return async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
}
