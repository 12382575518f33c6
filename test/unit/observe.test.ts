import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/observe.ts';
import { createMetrics, toLogLine } from '../../src/observe.ts';

const finished: Observation = {
  type: 'request.finished',
  requestId: 'r1',
  method: 'GET',
  route: '/api/:org',
  status: 200,
  ms: 2,
};

describe('an observation', () => {
  it('becomes one log line, as loud as it matters', () => {
    expect(toLogLine(finished)).toEqual({
      level: 'info',
      message: 'request.finished',
      fields: { requestId: 'r1', method: 'GET', route: '/api/:org', status: 200, ms: 2 },
    });
    expect(toLogLine({ ...finished, status: 503 }).level).toBe('warn');
    expect(toLogLine({ type: 'registry.failed', cause: new Error() }).level).toBe('error');
  });

  it('becomes a metric with bounded labels', async () => {
    const metrics = createMetrics();
    metrics.count(finished);
    metrics.count({ ...finished, status: 404, code: 'ENTITY_NOT_FOUND' });
    const reconciled = { kind: 'Domain', namespace: 'n', name: 'd' };
    metrics.count({ type: 'reconcile.finished', ...reconciled, outcome: 'Ready', ms: 40 });
    metrics.count({ type: 'workflow.started', workflowId: 'w', workflow: 'reconcileDomain' });
    metrics.count({ type: 'listen.connected', channels: [] });
    const text = await metrics.text();
    for (const line of [
      'velocity_http_request_seconds_count{method="GET",route="/api/:org",status="200"} 1',
      'velocity_http_errors_total{code="ENTITY_NOT_FOUND"} 1',
      'velocity_reconcile_seconds_count{kind="Domain",outcome="Ready"} 1',
      'velocity_workflow_starts_total{workflow="reconcileDomain",result="started"} 1',
      'velocity_events_total{type="listen.connected"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain('r1');
  });

  it('leaves out figures that cannot be read, and keeps the rest', async () => {
    const metrics = createMetrics();
    metrics.gauge('velocity_here', 'Readable.', () => 3);
    metrics.gauges({
      name: 'velocity_away',
      help: 'Not readable now.',
      labelNames: ['kind'],
      read: () => Promise.reject(new Error('the database is away')),
    });
    const text = await metrics.text();
    expect(text).toContain('velocity_here 3');
    expect(text).not.toMatch(/^velocity_away\{/m);
  });
});
