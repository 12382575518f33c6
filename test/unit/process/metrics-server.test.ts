import { describe, expect, it } from 'vitest';
import { openObserver } from '../../../src/observe.ts';
import { findFreePort } from '../../../src/process/dev/ports.ts';
import { serveMetrics } from '../../../src/process/metrics-server.ts';

describe('the port of metrics', () => {
  it('says whether the process lives', async () => {
    const { metrics, flush } = openObserver({ process: 'operator', logLevel: 'silent' });
    const metricsPort = await findFreePort();
    let alive = true;
    const config = { host: '127.0.0.1', metricsPort };
    const close = await serveMetrics({ config, metrics, isAlive: () => alive });
    const status = async (path: string) =>
      (await fetch(`http://127.0.0.1:${metricsPort}${path}`)).status;
    expect(await status('/healthz')).toBe(200);
    alive = false;
    expect(await status('/healthz')).toBe(503);
    expect(await status('/metrics')).toBe(200);
    expect(await status('/other')).toBe(404);
    await close();
    await flush();
  });
});
