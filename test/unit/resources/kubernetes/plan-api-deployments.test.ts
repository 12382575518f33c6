import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { Application, Domain } from '../../../../src/contract/kinds.ts';
import type { PodTemplate } from '../../../../src/resources/kubernetes/plan-api-deployments.ts';
import { planApiDeployments } from '../../../../src/resources/kubernetes/plan-api-deployments.ts';

const namespace = 'velocity-system';
const shipped = new URL('../../../../deploy/kubernetes/api.yaml', import.meta.url);
const [api] = parseAllDocuments(readFileSync(shipped, 'utf8'));
const { template } = (api!.toJS() as { spec: { template: PodTemplate } }).spec;

type Deployment = NonNullable<Application['spec']['deployment']>;

const plan = (applications: Application[], domains: Domain[] = []) =>
  planApiDeployments({ applications, domains, template, namespace });

describe('deployments of the API', () => {
  it('are none while nobody asks for one', () => {
    expect(plan([application('supply')], [domain('supply', 'procurement')])).toEqual([]);
  });

  it('are, for an application, what its manifest says', async () => {
    const resources = { requests: { cpu: '500m' }, limits: { cpu: '2', memory: '1Gi' } };
    const wanted = { scope: 'app', minReplicas: 2, maxReplicas: 6, resources } as const;
    const objects = plan([application('supply', wanted)], [domain('supply', 'procurement')]);
    await expect(asYaml(objects)).toMatchFileSnapshot('snapshots/application.yaml');
  });

  it('are one for each domain where the scope says so', async () => {
    const wanted = { scope: 'domain', minReplicas: 1, maxReplicas: 3 } as const;
    const domains = [
      domain('supply', 'procurement', { scope: 'domain', maxReplicas: 9 }),
      domain('supply', 'logistics'),
      domain('other', 'finance'),
    ];
    const objects = plan([application('supply', wanted), application('other')], domains);
    const scaled = objects.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    await expect(asYaml(scaled)).toMatchFileSnapshot('snapshots/domains.yaml');
  });

  it('give one domain an API of its own beside its application’s', () => {
    const own = domain('supply', 'procurement', { scope: 'domain' });
    expect(served(plan([application('supply', { scope: 'app' })], [own]))).toEqual([
      'acme/supply',
      'acme/supply/procurement',
    ]);
    expect(served(plan([application('supply')], [own]))).toEqual(['acme/supply/procurement']);
  });

  it('run at least one replica, and never fewer at most than at least', () => {
    const bounds = (wanted: Deployment) => {
      const scaler = plan([application('supply', wanted)])[1]!;
      const { minReplicas, maxReplicas } = scaler.spec as Record<string, number>;
      return [minReplicas, maxReplicas];
    };
    expect(bounds({ scope: 'app' })).toEqual([1, 1]);
    expect(bounds({ scope: 'app', minReplicas: 0, maxReplicas: 4 })).toEqual([1, 4]);
    expect(bounds({ scope: 'app', minReplicas: 5 })).toEqual([5, 5]);
  });

  it('have names of DNS that no two places share', () => {
    const long = 'a'.repeat(63);
    const applications = [
      application('b-c', { scope: 'app' }),
      { ...application('c', { scope: 'app' }), spec: { ...application('c').spec, org: 'acme-b' } },
      application(long, { scope: 'app' }),
    ].map((one) => ({ ...one, spec: { ...one.spec, deployment: { scope: 'app' as const } } }));
    const names = plan(applications)
      .filter(({ kind }) => kind === 'Service')
      .map(({ metadata }) => metadata.name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])$/);
  });
});

function application(name: string, deployment?: Deployment): Application {
  const spec = { org: 'acme', displayName: name, ...(deployment !== undefined && { deployment }) };
  const metadata = { name, namespace: 'acme' };
  return { apiVersion: 'velocity.sh/v1', kind: 'Application', metadata, spec };
}

function domain(app: string, name: string, deployment?: Deployment): Domain {
  const access = { defaultRole: 'reader', adminRole: 'admin' };
  const spec = { app, displayName: name, access, ...(deployment !== undefined && { deployment }) };
  const metadata = { name, namespace: `acme-${app}-${name}` };
  return { apiVersion: 'velocity.sh/v1', kind: 'Domain', metadata, spec };
}

function served(objects: ReturnType<typeof plan>): (string | undefined)[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment')
    .map(({ metadata }) => metadata.annotations['velocity.sh/serves']);
}

function asYaml(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}
