import { describe, expect, it } from 'vitest';
import { startLocalApi } from './local-api.ts';
import { runVelocity } from './run-velocity.ts';

const item = {
  ...{ kind: 'trigger', name: 'velocity_history_update', difference: 'changed' },
  ...{ summary: 'trigger velocity_history_update is disabled', expected: 'ON', actual: 'OFF' },
};
const version = (items: object[]) => ({
  ...{ namespace: 'a-b-c', name: 'order', version: 'v1', revision: 3, items },
  ...{ since: null, checkedAt: new Date().toISOString() },
});
const one = '/api/platform/schemas/a-b-c/order/drift';

describe('velocity drift', () => {
  it('ends with 1 when something differs, and shows it as a diff', async () => {
    const data = { drifted: true, versions: [version([item])] };
    const api = await startLocalApi({ [`GET ${one}`]: () => ({ body: { data } }) });
    const argv = ['drift', 'order', '-n', 'a-b-c', '--url', api.url];
    const ran = await runVelocity(argv);
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toMatch(/is disabled\n {2}- ON\n {2}\+ OFF/);
    const json = await runVelocity([...argv, '-o', 'json']);
    expect(JSON.parse(json.stdout)).toEqual(data);
    expect(json.exitCode).toBe(1);
  });

  it('ends with 0 when nothing does, and says so', async () => {
    const data = { drifted: false, versions: [version([])] };
    const api = await startLocalApi({
      [`GET ${one}`]: () => ({ body: { data } }),
      'GET /api/platform/drift': () => ({ body: { data: [] } }),
    });
    const single = await runVelocity(['drift', 'order', '-n', 'a-b-c', '--url', api.url]);
    expect(single).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('nothing differs'),
    });
    const all = await runVelocity(['drift', '--url', api.url]);
    expect(all).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing differs') });
  });
});

describe('velocity reconcile', () => {
  const path = '/api/platform/schemas/a-b-c/order/reconcile';
  const refused = [{ summary: 'the table is not as it was made', why: 'a superuser runs: …' }];

  it('shows what a repair would do, and ends with 1 when something would stay', async () => {
    const steps = [{ summary: 'drop note', class: 'breaking', lock: 'ACCESS EXCLUSIVE', sql: '' }];
    const api = await startLocalApi({
      [`POST ${path}`]: () => ({ body: { data: { asked: false, steps, refused } } }),
    });
    const argv = ['reconcile', 'order', '-n', 'a-b-c', '--repair', '--dry-run', '--url', api.url];
    const ran = await runVelocity(argv);
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain('1. drop note (breaking, ACCESS EXCLUSIVE)');
    expect(ran.stdout).toContain('a superuser runs: …');
  });

  it('asks for one thing at a time', async () => {
    const both = await runVelocity(['reconcile', 'order', '--repair', '--adopt']);
    expect(both.exitCode).toBe(2);
    const neither = await runVelocity(['reconcile', 'order', '-n', 'a-b-c', '--dry-run']);
    expect(neither.exitCode).toBe(2);
  });
});
