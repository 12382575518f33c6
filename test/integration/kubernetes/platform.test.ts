import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Resource, SchemaDefinition } from '../../../src/contract/kinds.ts';
import { isReady } from '../../../src/resources/status.ts';
import type { ResourceKey } from '../../../src/resources/store.ts';
import { testTenant } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import { spawnApi } from '../api/api-process.ts';
import type { ClusterPlane } from './cluster-plane.ts';
import { startClusterPlane } from './cluster-plane.ts';

const samples = fileURLToPath(new URL('../../../samples', import.meta.url));
const tenant = testTenant('acme');
const network = 'vega-flights-network';
const airports = '/api/vega/flights/network/airport/v1';

let cluster: ClusterPlane;
/** Issued by the first test: may read the airports of samples. */
let plannerKey = '';

beforeAll(async () => {
  cluster = await startClusterPlane();
  await Promise.all([cluster.plane.startWorker(), cluster.plane.startOperator()]);
});

afterAll(() => cluster?.stop());

const schemaKey = (name: string, namespace = tenant.namespace): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace, name },
});
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);
const gone = (found: Resource | undefined): boolean => found === undefined;

async function readSamples(): Promise<Resource[]> {
  const files = (await readdir(samples, { recursive: true })).filter((name) =>
    name.endsWith('.yaml'),
  );
  const texts = await Promise.all(files.map((name) => readFile(join(samples, name), 'utf8')));
  return texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as Resource);
}

async function figures(name: string): Promise<Map<string, number>> {
  const text = await (await fetch(new URL('/metrics', cluster.api.url))).text();
  const lines = [...text.matchAll(/^(\w+)\{kind="(\w+)",phase="(\w+)"[^}]*\} (\d+)$/gm)];
  return new Map(
    lines.flatMap(([, metric, kind, phase, value]): [string, number][] =>
      metric === name ? [[`${kind}/${phase}`, Number(value)]] : [],
    ),
  );
}

describe('a platform whose resources live in a cluster', () => {
  it('serves all of samples, applied with kubectl', async () => {
    const resources = await readSamples();
    for (const namespace of new Set(resources.map(({ metadata }) => metadata.namespace))) {
      await cluster.kubectl('create', 'namespace', namespace);
    }
    await cluster.kubectl('apply', '--recursive', `--filename=${samples}`);
    const provisioned = resources.filter(({ kind }) => kind !== 'ApiKey');
    for (const { kind, metadata } of provisioned) {
      const { namespace, name } = metadata;
      await cluster.plane.until({ kind, namespace, name }, ready, 60_000);
    }
    // A key that is declared is issued, and its text is in a Secret of the same name.
    await cluster.plane.until({ kind: 'ApiKey', namespace: network, name: 'planner' }, ready);
    const text = '-o=go-template={{index .data "api-key" | base64decode}}';
    plannerKey = await cluster.kubectl('get', 'secret', 'planner', `--namespace=${network}`, text);
    await until(
      async () => (await cluster.call(airports, { key: plannerKey })).status === 200,
      5_000,
    );

    // Told beside the status, so perhaps a moment after it.
    const describe = () => cluster.kubectl('describe', 'sd', 'airport', `--namespace=${network}`);
    const served = /Normal\s+Served\s.*velocity\s+revision 1 is served/;
    await until(async () => served.test(await describe()), 20_000);
    await cluster.kubectl('wait', 'sd', '--for=condition=Ready', '--all', '--all-namespaces');

    const schemas = provisioned.filter(({ kind }) => kind === 'SchemaDefinition').length;
    await until(async () => {
      const counted = await figures('velocity_resources');
      return counted.get('SchemaDefinition/Ready') === schemas;
    }, 10_000);
    expect((await figures('velocity_reconcile_waiting')).get('SchemaDefinition/Ready')).toBe(0);
  });

  it('takes the commands that it takes elsewhere', async () => {
    const file = join(tmpdir(), `velocity-${process.pid}-thing.json`);
    const wanted = { ...tenant.schema('thing'), apiVersion: 'velocity.sh/v1' };
    await cluster.plane.store.apply(tenant.base);
    await writeFile(file, JSON.stringify(wanted));
    const where = ['-n', tenant.namespace];
    expect(await cluster.velocity('apply', '-f', file)).toContain('created');
    await cluster.plane.until(schemaKey('thing'), ready);
    expect(await cluster.velocity('apply', '-f', file)).toContain('unchanged');
    expect(await cluster.velocity('get', 'sd', ...where)).toContain('thing');
    expect(await cluster.velocity('describe', 'sd', 'thing', ...where)).toContain('Served');
    const { fields } = wanted.spec as SchemaDefinition['spec'];
    const extended = { ...wanted.spec, fields: [...fields, { name: 'note', type: 'string' }] };
    await writeFile(file, JSON.stringify({ ...wanted, spec: extended }));
    expect(await cluster.velocity('schema', 'diff', file)).toContain('note');
    expect(await cluster.velocity('delete', 'sd', 'thing', ...where)).toContain('thing');
    await cluster.plane.until(schemaKey('thing'), gone);
  });

  it('serves records while the API server is away, and goes on when it is back', async () => {
    const { plane, kubernetes, call } = cluster;
    await plane.store.apply([...tenant.base, tenant.schema('kept')]);
    await plane.until(schemaKey('kept'), ready);
    const objects = `/api/platform/objects/sd/${tenant.namespace}`;
    await plane.store.apply([tenant.schema('midway')]);
    await kubernetes.killApiServer();

    expect((await call(airports, { key: plannerKey })).status).toBe(200);
    const known = await call(`${objects}/kept`);
    expect(known.status).toBe(200);
    const refused = await call(`${objects}/new`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(tenant.schema('new')),
    });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'KUBERNETES_UNAVAILABLE' });
    // A replica that starts now serves as well.
    const replica = await spawnApi({
      ...plane.environment,
      VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
    });
    const headers = { authorization: `Bearer ${plannerKey}` };
    expect((await fetch(new URL(airports, replica.url), { headers })).status).toBe(200);
    replica.kill('SIGTERM');
    expect(await replica.exited).toBe(0);

    // What the operator's watches had seen last is forgotten meanwhile.
    await kubernetes.compactEtcd();
    await kubernetes.startApiServer();
    await plane.store.apply([tenant.schema('new')]);
    await plane.until(schemaKey('new'), ready, 60_000);
    await plane.until(schemaKey('midway'), ready, 60_000);
    await cluster.kubectl('delete', 'sd', 'kept', `--namespace=${tenant.namespace}`);
    await plane.until(schemaKey('kept'), gone);
  });

  it('cleans up once after what is deleted while it is provisioned', async () => {
    const { plane } = cluster;
    await plane.store.apply(tenant.base);
    const names = Array.from({ length: 10 }, (_, i) => `brief-${i}`);
    await plane.store.apply(names.map((name) => tenant.schema(name)));
    await Promise.all(
      names.map(async (name, i) => {
        await new Promise((resolve) => setTimeout(resolve, i * 60));
        await plane.store.delete(schemaKey(name));
      }),
    );
    for (const name of names) await plane.until(schemaKey(name), gone, 60_000);
    const { rows } = await plane.pool.query<{ name: string }>({
      text: `select tablename as name from pg_tables where tablename like 'brief%'`,
    });
    expect(rows).toEqual([]);
    // The same names again are new schemas, not what was left of the old ones.
    await plane.store.apply([tenant.schema('brief-0')]);
    await plane.until(schemaKey('brief-0'), ready);
    const found = (await plane.store.find(schemaKey('brief-0'))) as SchemaDefinition;
    const { pgTable = '' } = found.status ?? {};
    const text = `select count(*)::integer as records from ${pgTable}`;
    expect((await plane.pool.query({ text })).rows).toEqual([{ records: 0 }]);
  });
});
