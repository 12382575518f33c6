import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/process/dev/ports.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { manifest, testTenant } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import type { RunningWebhook } from './webhook-harness.ts';
import { createNamespaces, installWebhook, refusal, startWebhook } from './webhook-harness.ts';

const tenant = testTenant('acme');
const { namespace } = tenant;
const api = 'system:serviceaccount:velocity-system:velocity-api';

/** An API server reads a changed configuration within a second or so. */
const withinMs = 15_000;

let cluster: OwnKubernetes;
let port: number;
let webhook: RunningWebhook;

beforeAll(async () => {
  [cluster, port] = await Promise.all([startKubernetes(), findFreePort()]);
  await createNamespaces(cluster.kubeconfig, ['acme', namespace, 'other', 'other-x-y']);
  await installWebhook(cluster.kubeconfig, port);
  webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, port, speakers: [api] });
  await until(async () => {
    const said = await refusal(kube(['apply', '-f', '-'], tenant.base));
    return said.startsWith('accepted');
  }, withinMs);
});

afterAll(async () => {
  await webhook?.stop();
  await cluster?.stop();
});

describe('the webhook', () => {
  it('refuses with every problem, its place and a hint, as a form that programs read', async () => {
    const bad = tenant.schema('bad', {
      fields: [
        { name: 'title', type: 'string', pattern: '(a+' },
        { name: 'size', type: 'integer', min: 3, default: 1 },
      ],
    });
    const said = await refusal(kube(['apply', '-f', '-'], [bad]));
    expect(said).toContain('The SchemaDefinition "bad" is invalid:');
    expect(said).toContain('* spec.fields[0].pattern: ');
    expect(said).toContain('* spec.fields[1].default: ');
    expect(said).toMatch(/spec\.fields\[1\]\.default: .*\d.*\. \w+/);
  });

  it('looks at other resources', async () => {
    const foreign = tenant.schema('foreign', {
      fields: [
        { name: 'owner', type: 'ref', ref: { ...tenant.reference('person'), org: 'other' } },
      ],
    });
    expect(await refusal(kube(['apply', '-f', '-'], [foreign]))).toContain(
      'A reference stays inside its own organisation: org: acme.',
    );
    const misplaced = manifest('Domain', 'elsewhere', namespace, {
      ...{ app: 'shop', displayName: 'x', access: { defaultRole: 'a', adminRole: 'b' } },
    });
    expect(await refusal(kube(['apply', '-f', '-'], [misplaced]))).toContain(
      'metadata.namespace: ',
    );
  });

  it('lets in a schema that arrives before what it refers to, and says so', async () => {
    const early = tenant.schema('line', {
      fields: [{ name: 'order', type: 'ref', ref: tenant.reference('order') }],
    });
    const said = await refusal(kube(['create', '-f', '-', '--warnings-as-errors'], [early]));
    expect(said).toContain('Warning: "order" refers to schema "order"');
    expect(said).toContain('The schema waits for it.');
    expect(await kube(['get', 'sd', 'line', '-n', namespace])).toContain('line');
  });

  it('counts quotas over what is stored', async () => {
    const quotas = { org: 'acme', displayName: 'Shop', resourceQuotas: { maxSchemas: 1 } };
    await kube(['apply', '-f', '-'], [manifest('Application', 'shop', 'acme', quotas)]);
    expect(await refusal(kube(['apply', '-f', '-'], [tenant.schema('second')]))).toContain(
      'would have 2 schemas; its quota is 1',
    );
    const without = { org: 'acme', displayName: 'Shop' };
    await kube(['apply', '-f', '-'], [manifest('Application', 'shop', 'acme', without)]);
  });

  it('names who asked for the spec as it is, whatever they say', async () => {
    const schema = tenant.schema('named');
    await kube(['apply', '-f', '-', '--as=ann', '--as-group=system:masters'], [schema]);
    expect(await stamp('named', 'requested-by')).toBe('ann@1');
    await kube([
      ...['label', 'sd', 'named', '-n', namespace, 'colour=red'],
      ...['--as=ben', '--as-group=system:masters'],
    ]);
    await annotate('named', { 'velocity.sh/requested-by': 'eve@1', other: 'x' }, 'ben');
    expect(await stamp('named', 'requested-by')).toBe('ann@1');

    const changed = tenant.schema('named', { spec: { description: 'Another.' } });
    const forged = { ...changed.metadata, annotations: { 'velocity.sh/requested-by': 'eve@2' } };
    const args = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    await kube(
      [...args, '--as=ben', '--as-group=system:masters'],
      [{ ...changed, metadata: forged }],
    );
    expect(await stamp('named', 'requested-by')).toBe('ben@2');
  });

  it('believes the API whom it speaks for, and nobody else', async () => {
    const schema = tenant.schema('spoken');
    const annotations = { 'velocity.sh/requested-by': 'carol@1' };
    const spoken = { ...schema, metadata: { ...schema.metadata, annotations } };
    await kube(
      ['apply', '--server-side', '-f', '-', `--as=${api}`, '--as-group=system:masters'],
      [spoken],
    );
    expect(await stamp('spoken', 'requested-by')).toBe('carol@1');
    expect(
      await refusal(
        kube(
          ['apply', '--server-side', '-f', '-', `--as=${api}`, '--as-group=system:masters'],
          [{ ...spoken, spec: { ...schema.spec, description: 'Stale stamp.' } }],
        ).then(() => stamp('spoken', 'requested-by')),
      ),
    ).toBe(`accepted: ${api}@2`);
  });

  it('names who approved which plan', async () => {
    await kube(['apply', '-f', '-'], [tenant.schema('approved')]);
    await annotate('approved', { 'velocity.sh/approve-breaking': 'p1' }, 'dan');
    expect(await stamp('approved', 'approved-by')).toBe('dan@p1');
    await annotate('approved', { 'velocity.sh/approved-by': 'eve@p1' }, 'eve');
    expect(await stamp('approved', 'approved-by')).toBe('dan@p1');
    await annotate('approved', { 'velocity.sh/approve-breaking': 'p2' }, 'eve');
    expect(await stamp('approved', 'approved-by')).toBe('eve@p2');
    await annotate('approved', { 'velocity.sh/approve-breaking': null }, 'eve');
    expect(await stamp('approved', 'approved-by')).toBe('');
  });

  it('names who grants a role, whatever they say, and lets nobody grant one to themselves', async () => {
    const binding = (spec: object) => [manifest('RoleBinding', 'granted', namespace, spec)];
    const as = (user: string) => ['apply', '-f', '-', `--as=${user}`, '--as-group=system:masters'];
    const grantor = () =>
      kube(['get', 'vrb', 'granted', '-n', namespace, '-o', 'jsonpath={.spec.grantedBy}']);
    const spec = { actorId: 'carl', roles: ['reader'] };
    await kube(as('ann'), binding({ ...spec, grantedBy: 'eve' }));
    expect(await grantor()).toBe('ann');
    await kube(as('ben'), binding({ ...spec, grantedBy: 'eve' }));
    expect(await grantor()).toBe('ann');
    await kube(as('ben'), binding({ ...spec, roles: ['reader', 'writer'] }));
    expect(await grantor()).toBe('ben');
    const own = await refusal(kube(as('carl'), binding({ ...spec, roles: ['admin'] })));
    expect(own).toContain('spec.actorId: "carl" would grant roles to themselves.');
    const server = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    const spoken = [...server, `--as=${api}`, '--as-group=system:masters'];
    await kube(spoken, binding({ ...spec, grantedBy: 'olga' }));
    expect(await grantor()).toBe('olga');
  });

  it('refuses a false stamp where no webhook has made it true', async () => {
    const path = '/webhooks/0/matchConditions/0/expression';
    const patch = JSON.stringify([{ op: 'replace', path, value: 'false' }]);
    const configuration = 'mutatingwebhookconfiguration';
    await kube(['patch', configuration, 'velocity', '--type=json', '-p', patch]);
    const forged = tenant.schema('forged', {
      annotations: { 'velocity.sh/requested-by': 'eve@1' },
    });
    await until(async () => {
      const said = await refusal(kube(['create', '-f', '-', '--dry-run=server'], [forged]));
      return said.includes('metadata.annotations.velocity.sh/requested-by');
    }, withinMs);
    await installWebhook(cluster.kubeconfig, port);
  });

  it('lets nothing in while nobody can judge, but lets things go', async () => {
    await until(async () => {
      const dry = kube(['create', '-f', '-', '--dry-run=server'], [tenant.schema('dry')]);
      return (await refusal(dry)).startsWith('accepted');
    }, withinMs);
    const held = tenant.schema('held');
    const metadata = { ...held.metadata, finalizers: ['velocity.sh/provisioned'] };
    await kube(['apply', '-f', '-'], [{ ...held, metadata }]);
    await webhook.stop();
    const said = await refusal(kube(['apply', '-f', '-'], [tenant.schema('unjudged')]));
    expect(said).toContain('failed calling webhook "stamp.velocity.sh"');
    await kube(['delete', 'sd', 'held', '-n', namespace, '--wait=false']);
    const patch = JSON.stringify({ metadata: { finalizers: null } });
    await kube(['patch', 'sd', 'held', '-n', namespace, '--type=merge', '-p', patch]);
    expect(await refusal(kube(['get', 'sd', 'held', '-n', namespace]))).toContain('not found');
    webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, port, speakers: [api] });
    await until(async () => {
      const again = kube(['apply', '-f', '-'], [tenant.schema('unjudged')]);
      return (await refusal(again)).startsWith('accepted');
    }, withinMs);
  });
});

async function kube(args: readonly string[], items: readonly object[] = []): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return kubectl(cluster.kubeconfig, args, { input });
}

async function annotate(
  name: string,
  annotations: Record<string, string | null>,
  user: string,
): Promise<void> {
  const patch = JSON.stringify({ metadata: { annotations } });
  await kube([
    ...['patch', 'sd', name, '-n', namespace, '--type=merge', '-p', patch],
    ...[`--as=${user}`, '--as-group=system:masters'],
  ]);
}

function stamp(name: string, annotation: string): Promise<string> {
  const path = `jsonpath={.metadata.annotations.velocity\\.sh/${annotation}}`;
  return kube(['get', 'sd', name, '-n', namespace, '-o', path]);
}
