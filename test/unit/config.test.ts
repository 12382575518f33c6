import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';

const url = 'postgres://velocity_api:s3cret@localhost:5432/velocity';

function problemsOf(env: Record<string, string>): Record<string, string> {
  try {
    readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message.split('\n')).toHaveLength(error.problems.length + 1);
    return Object.fromEntries(error.problems.map(({ variable, message }) => [variable, message]));
  }
  return {};
}

describe('configuration', () => {
  it('needs a database address and has defaults for the rest', () => {
    expect(readConfig({ VELOCITY_DATABASE_URL: url })).toMatchObject({
      databaseUrl: url,
      temporalAddress: '127.0.0.1:7233',
      temporalNamespace: 'default',
      host: '127.0.0.1',
      port: 8080,
      metricsPort: undefined,
      logLevel: 'info',
      prepare: true,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    const env = { VELOCITY_DATABASE_URL: url, VELOCITY_METRICS_PORT: '', VELOCITY_PORT: '' };
    expect(readConfig(env)).toMatchObject({ metricsPort: undefined, port: 8080 });
  });

  it('names everything that is wrong at once, and where', () => {
    const wrong = {
      VELOCITY_DATABASE_URL: 'mysql://root:s3cret@localhost/x',
      VELOCITY_TEMPORAL_ADDRESS: 'http://localhost',
      VELOCITY_HOST: 'not a host',
      VELOCITY_PORT: '70000',
      VELOCITY_METRICS_PORT: '-1',
      VELOCITY_LOG_LEVEL: 'loud',
      VELOCITY_PREPARE: 'yes',
      VELOCITY_POOL_SIZE: '0',
      VELOCITY_CURSOR_SECRET: 'short',
      VELOCITY_REDIS_URL: 'http://:s3cret@localhost',
      VELOCITY_RATE_LIMIT: '0',
      VELOCITY_SEARCH_RATE_LIMIT: 'none',
    };
    expect(Object.keys(problemsOf(wrong)).sort()).toEqual(Object.keys(wrong).sort());
    expect(problemsOf({})).toEqual({ VELOCITY_DATABASE_URL: 'is required' });
  });

  it('bounds requests unless told not to, and shares nothing unless told where', () => {
    expect(readConfig({ VELOCITY_DATABASE_URL: url })).toMatchObject({
      redisUrl: undefined,
      rateLimits: { actor: 1_000, search: 100 },
    });
    const redisUrl = 'rediss://velocity:s3cret@redis:6380/2';
    const env = { VELOCITY_REDIS_URL: redisUrl, VELOCITY_RATE_LIMIT: 'off' };
    expect(readConfig({ VELOCITY_DATABASE_URL: url, ...env })).toMatchObject({
      redisUrl,
      rateLimits: { actor: undefined, search: 100 },
    });
    const wrong = problemsOf({
      VELOCITY_DATABASE_URL: url,
      VELOCITY_REDIS_URL: 'redis//:s3cret@x',
    });
    expect(wrong['VELOCITY_REDIS_URL']).not.toContain('s3cret');
  });

  it('lets nothing be called inside the network, nor anybody in without credentials, unless told', () => {
    const env = { VELOCITY_DATABASE_URL: url };
    expect(readConfig(env)).toMatchObject({ outboundAllow: [], allowNone: false });
    const told = {
      ...env,
      VELOCITY_OUTBOUND_ALLOW: '10.0.0.0/8, ::1, keycloak.auth.svc,*.corp.example, fd00::/8',
      VELOCITY_AUTH_ALLOW_NONE: 'on',
    };
    expect(readConfig(told)).toMatchObject({
      outboundAllow: ['10.0.0.0/8', '::1', 'keycloak.auth.svc', '*.corp.example', 'fd00::/8'],
      allowNone: true,
    });
    for (const wrong of [
      '10.0.0.0/33',
      'fd00::/129',
      'host/8',
      '*',
      'a,,b',
      'http://x',
      '10.0.0.0/8/8',
    ]) {
      const problems = problemsOf({ ...env, VELOCITY_OUTBOUND_ALLOW: wrong });
      expect(Object.keys(problems), wrong).toEqual(['VELOCITY_OUTBOUND_ALLOW']);
    }
    const problems = problemsOf({ ...env, VELOCITY_AUTH_ALLOW_NONE: 'yes' });
    expect(Object.keys(problems)).toEqual(['VELOCITY_AUTH_ALLOW_NONE']);
  });

  it('believes proxies that it is told of, and never everybody', () => {
    const proxies = (text: string) => ({
      ...{ VELOCITY_DATABASE_URL: url, VELOCITY_TRUSTED_PROXIES: text },
    });
    expect(readConfig({ VELOCITY_DATABASE_URL: url }).trustedProxies).toEqual([]);
    expect(readConfig(proxies('10.0.0.0/8, 2001:db8::1')).trustedProxies).toEqual([
      ...['10.0.0.0/8', '2001:db8::1'],
    ]);
    for (const wrong of [
      '0.0.0.0/0',
      '::/0',
      '10.0.0.0/33',
      '10.0.0.0/',
      'proxy',
      '10.0.0.0/8/8',
    ]) {
      expect(Object.keys(problemsOf(proxies(wrong))), wrong).toEqual(['VELOCITY_TRUSTED_PROXIES']);
    }
  });

  it('takes resources from Postgres unless a cluster is named', () => {
    const env = { VELOCITY_DATABASE_URL: url, VELOCITY_RESOURCES: 'kubernetes' };
    expect(readConfig({ VELOCITY_DATABASE_URL: url }).resources).toEqual({ store: 'postgres' });
    expect(readConfig({ ...env, VELOCITY_KUBECONFIG: '/k' }).resources).toEqual({
      ...{ store: 'kubernetes', kubeconfig: '/k', namespace: undefined },
    });
    expect(readConfig({ ...env, KUBERNETES_SERVICE_HOST: '10.0.0.1' }).resources).toEqual({
      ...{ store: 'kubernetes', kubeconfig: undefined, namespace: undefined },
    });
    expect(Object.keys(problemsOf(env))).toEqual(['VELOCITY_KUBECONFIG']);
    const misnamed = { ...env, VELOCITY_KUBECONFIG: '/k', VELOCITY_KUBERNETES_NAMESPACE: 'A b' };
    expect(Object.keys(problemsOf(misnamed))).toEqual(['VELOCITY_KUBERNETES_NAMESPACE']);
    const unknown = { VELOCITY_DATABASE_URL: url, VELOCITY_RESOURCES: 'etcd' };
    expect(Object.keys(problemsOf(unknown))).toEqual(['VELOCITY_RESOURCES']);
  });

  it('never repeats a secret', () => {
    const wrong = {
      VELOCITY_DATABASE_URL: 'mysql://u:s3cret@h/x',
      VELOCITY_CURSOR_SECRET: 's3cret',
    };
    expect(JSON.stringify(problemsOf(wrong))).not.toContain('s3cret');
  });

  it('derives one cursor secret for all replicas of a database', () => {
    const secretOf = (databaseUrl: string) =>
      readConfig({ VELOCITY_DATABASE_URL: databaseUrl }).cursorSecret;
    expect(secretOf(url)).toBe(secretOf(url));
    expect(secretOf(url)).not.toBe(secretOf(`${url}2`));
    const given = 'g'.repeat(32);
    const env = { VELOCITY_DATABASE_URL: url, VELOCITY_CURSOR_SECRET: given };
    expect(readConfig(env).cursorSecret).toBe(given);
  });

  it('reads what is of the edge of a cluster, and repeats no secret', () => {
    const key = 'QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=';
    const config = readConfig({
      VELOCITY_DATABASE_URL: url,
      VELOCITY_SERVE: 'acme/supply/procurement',
      VELOCITY_SECRET_KEY: `${key},${key}`,
      VELOCITY_WEBHOOK_PORT: '8443',
      VELOCITY_WEBHOOK_HOSTS: 'one.svc, 127.0.0.1',
    });
    const serve = { organisation: 'acme', application: 'supply', domain: 'procurement' };
    expect(config.serve).toEqual(serve);
    expect(config.secretKeys.map(({ length }) => length)).toEqual([32, 32]);
    expect(config.webhook).toMatchObject({
      ...{ port: 8443, hosts: ['one.svc', '127.0.0.1'], certificateDirectory: undefined },
      speakers: ['system:serviceaccount:velocity-system:velocity-api'],
    });
    const problems = problemsOf({
      VELOCITY_DATABASE_URL: url,
      VELOCITY_SERVE: 'acme',
      VELOCITY_SECRET_KEY: 'c2hvcnQ=',
    });
    expect(Object.keys(problems)).toEqual(['VELOCITY_SECRET_KEY', 'VELOCITY_SERVE']);
    expect(JSON.stringify(problems)).not.toContain('c2hvcnQ');
  });
});
