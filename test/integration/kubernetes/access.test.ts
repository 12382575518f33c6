import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../../../src/contract/kinds.ts';
import { kinds } from '../../../src/contract/kinds.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { testTenant } from '../../support/manifests.ts';
import { createNamespaces, refusal, systemNamespace } from './webhook-harness.ts';

const folder = fileURLToPath(new URL('../../../deploy/kubernetes', import.meta.url));
const tenant = testTenant('acme');
const accounts = ['velocity-api', 'velocity-worker', 'velocity-operator'] as const;
type Account = (typeof accounts)[number];

const verbs = [
  ...['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
];
/** Group and plural of what is asked about: Velocity's own, and what a process might be tempted by. */
const foreign = [
  ...['/namespaces', '/secrets', '/configmaps', '/pods', '/pods/exec', '/services', '/events'],
  ...['/serviceaccounts', '/serviceaccounts/token', '/nodes', 'apps/deployments'],
  ...['autoscaling/horizontalpodautoscalers', 'coordination.k8s.io/leases'],
  ...['rbac.authorization.k8s.io/roles', 'rbac.authorization.k8s.io/clusterrolebindings'],
  ...['admissionregistration.k8s.io/validatingwebhookconfigurations'],
  ...['admissionregistration.k8s.io/mutatingwebhookconfigurations'],
  ...[
    'apiextensions.k8s.io/customresourcedefinitions',
    'certificates.k8s.io/certificatesigningrequests',
  ],
];

const plurals = kinds.map(({ plural }) => plural).sort();
/** Nothing of these grants a right, takes an approval back or destroys records. */
const harmless = ['logfilterpolicies', 'logroutingpolicies', 'schemadefinitions', 'synonymsets'];

let cluster: OwnKubernetes;
let client: KubernetesClient;

beforeAll(async () => {
  cluster = await startKubernetes();
  const { kubeconfig } = cluster;
  client = await createKubernetesClient({ kubeconfig, namespace: systemNamespace });
  await createNamespaces(kubeconfig, ['acme', tenant.namespace]);
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

describe('deploy/kubernetes', () => {
  it('is taken whole by the API server, again and again', async () => {
    const first = await kube(['apply', '-k', folder]);
    expect(first.match(/ created$/gm)?.length).toBeGreaterThan(15);
    for (const name of ['api', 'worker', 'operator']) {
      expect(first).toContain(`deployment.apps/velocity-${name} created`);
      expect(first).toContain(`service/velocity-${name} created`);
    }
    await put('secrets', 'velocity-webhook-certificate', { data: { 'tls.crt': 'eA==' } });
    const again = await kube(['apply', '-k', folder]);
    expect(again).not.toContain('created');
    // What the operator has filled in stays.
    const path = 'jsonpath={.data.tls\\.crt}';
    const secret = ['get', 'secret', 'velocity-webhook-certificate', '-n', systemNamespace];
    expect(await kube([...secret, '-o', path])).toBe('eA==');
  });

  it('lets nothing in before an operator is there', async () => {
    const said = await refusal(kube(['create', '-f', '-'], tenant.schema('early')));
    expect(said).toContain('failed calling webhook');
    await kube([
      'delete',
      'validatingwebhookconfiguration,mutatingwebhookconfiguration',
      'velocity',
    ]);
  });

  it('names every right: no wildcard, every kind', () => {
    const documents = readAccess();
    const rules = documents.flatMap(({ rules = [] }) => rules);
    expect(rules.length).toBeGreaterThan(15);
    for (const rule of rules) {
      const named = [...rule.apiGroups, ...rule.resources, ...rule.verbs].join(' ');
      expect(named).not.toContain('*');
    }
    // People's rights to write are in two roles; every other role names all kinds by itself.
    const people = ['velocity-edit', 'velocity-admin'];
    const whole = documents.filter(({ metadata }) => !people.includes(metadata.name));
    for (const own of whole.flatMap(({ rules = [] }) => rules).map(kindsIn)) {
      if (own.length > 0) expect(own.sort()).toEqual(plurals);
    }
    expect(rules.flatMap((rule) => rule.verbs)).not.toContain('escalate');
  });

  it('gives who may edit a namespace nothing that takes control away', () => {
    const documents = readAccess();
    const writable = (role: string) =>
      documents
        .filter(({ metadata: { labels = {} } }) => {
          return labels[`rbac.authorization.k8s.io/aggregate-to-${role}`] === 'true';
        })
        .flatMap(({ rules = [] }) => rules)
        .filter(({ verbs }) => verbs.includes('update'))
        .flatMap(kindsIn)
        .sort();
    expect(writable('view')).toEqual([]);
    expect(writable('edit')).toEqual(harmless);
    expect(writable('admin')).toEqual(plurals);
  });
});

describe('the rights of', () => {
  const everywhere = { 'velocity.sh/*': 'get list watch', '/events': 'get create update' };

  it('the API: resources and what their applying needs', async () => {
    expect(await rightsOf('velocity-api')).toEqual({
      elsewhere: {
        ...everywhere,
        'velocity.sh/*': 'get list watch create patch delete',
        'velocity.sh/apikeys/status': 'update',
        '/namespaces': 'get create',
      },
      inSystem: { 'coordination.k8s.io/leases': 'create' },
    });
  });

  it('the worker: status and finalizers, and deployments beside its own', async () => {
    const keeps = 'get list create patch delete';
    expect(await rightsOf('velocity-worker')).toEqual({
      elsewhere: {
        ...everywhere,
        'velocity.sh/*': 'get list watch patch',
        'velocity.sh/*/status': 'update',
      },
      inSystem: {
        '/services': keeps,
        'apps/deployments': keeps,
        'autoscaling/horizontalpodautoscalers': keeps,
      },
    });
  });

  it('the operator: to watch and to say, and its own certificate', async () => {
    expect(await rightsOf('velocity-operator')).toEqual({
      elsewhere: { ...everywhere, 'velocity.sh/*/status': 'update' },
      inSystem: { 'coordination.k8s.io/leases': 'create' },
    });
    const named: readonly (readonly [Account, string, string, string])[] = [
      ['velocity-operator', '/secrets', 'velocity-webhook-certificate', 'get update'],
      ['velocity-operator', '/secrets', 'velocity-database', ''],
      ['velocity-api', '/secrets', 'velocity-webhook-certificate', ''],
      ['velocity-worker', '/secrets', 'velocity-webhook-certificate', ''],
      ['velocity-operator', 'coordination.k8s.io/leases', 'velocity-operator', 'get create update'],
      ['velocity-operator', 'coordination.k8s.io/leases', 'velocity-apply', 'create'],
      ['velocity-api', 'coordination.k8s.io/leases', 'velocity-apply', 'get create update'],
    ];
    for (const [account, resource, name, wanted] of named) {
      const allowed = await allowedVerbs(account, { resource, name, namespace: systemNamespace });
      expect(allowed, `${account} ${resource} ${name}`).toBe(wanted);
    }
    const webhook = 'admissionregistration.k8s.io/validatingwebhookconfigurations';
    expect(await allowedVerbs('velocity-operator', { resource: webhook, name: 'velocity' })).toBe(
      'get update',
    );
    expect(await allowedVerbs('velocity-operator', { resource: webhook, name: 'other' })).toBe('');
  });

  it('who may edit: schemas, and not who decides over them', async () => {
    const { namespace } = tenant;
    const [edit, admin] = ['--user=edit', '--user=admin'] as const;
    for (const [role, who] of [
      ['view', [edit, admin]],
      ['edit', [edit]],
      ['admin', [admin]],
    ] as const) {
      const binding = ['create', 'rolebinding', `people-${role}`, '-n', namespace];
      await kube([...binding, `--clusterrole=velocity-${role}`, ...who]);
    }
    for (const plural of plurals) {
      const resource = `velocity.sh/${plural}`;
      const [reads, writes] = ['get list watch', 'get list watch create update patch delete'];
      const [ofEdit, ofAdmin] = harmless.includes(plural) ? [writes, reads] : [reads, writes];
      expect(await allowedVerbs('edit', { resource, namespace }), plural).toBe(ofEdit);
      expect(await allowedVerbs('admin', { resource, namespace }), plural).toBe(ofAdmin);
    }
    // What the API refuses to a domain's administrator is not to be had by way of kubectl.
    const sales = tenant.base.find((one) => (one as Resource).kind === 'Domain');
    await kube(['apply', '-f', '-'], sales);
    const weaker = JSON.stringify({ spec: { approvals: { plans: false, fourEyes: false } } });
    const patch = ['patch', 'dom', 'sales', '-n', namespace, '--type=merge', '-p', weaker];
    expect(await refusal(kube([...patch, '--as=edit']))).toContain('cannot patch resource');
    expect(await refusal(kube([...patch, '--as=admin']))).toContain('accepted');
  });

  it('a token are those, and no more', async () => {
    const as = Object.fromEntries(
      await Promise.all(
        accounts.map(async (account) => {
          const made = await kube(['create', 'token', account, '-n', systemNamespace]);
          return [account, `--token=${made.trim()}`];
        }),
      ),
    ) as Record<Account, string>;
    const { namespace } = tenant;
    const create = ['create', 'secret', 'generic', 'theirs', '-n', namespace];
    await kube([...create, '--from-literal=password=x']);
    const apply = ['apply', '--server-side', '-f', '-'];
    await kube([...apply, as['velocity-api']], tenant.schema('thing'));
    expect(
      await refusal(kube([...apply, as['velocity-worker']], tenant.schema('other'))),
    ).toContain('cannot create resource "schemadefinitions"');
    const patch = ['--type=merge', '-p', '{"metadata":{"finalizers":["velocity.sh/provisioned"]}}'];
    const thing = ['sd', 'thing', '-n', namespace];
    await kube(['patch', ...thing, ...patch, as['velocity-worker']]);
    expect(await refusal(kube(['delete', ...thing, as['velocity-worker']]))).toContain(
      'cannot delete',
    );
    for (const account of accounts) {
      const theirs = ['secret', 'theirs', '-n', namespace];
      for (const verb of ['get', 'delete']) {
        const said = await refusal(kube([verb, ...theirs, as[account]]));
        expect(said, `${account} ${verb}`).toContain(`cannot ${verb} resource "secrets"`);
      }
    }
    const bind = ['create', 'rolebinding', 'velocity-api-secrets', '-n', namespace];
    const who = `--serviceaccount=${systemNamespace}:velocity-api`;
    await kube([...bind, '--clusterrole=velocity-domain-secrets', who]);
    const own = ['create', 'secret', 'generic', 'own', '-n', namespace, '--from-literal=key=x'];
    await kube([...own, as['velocity-api']]);
    expect(
      await refusal(kube(['delete', 'secret', 'own', '-n', namespace, as['velocity-api']])),
    ).toContain('cannot delete resource "secrets"');
  });
});

interface AccessRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

interface AccessDocument {
  metadata: { name: string; labels?: Record<string, string> };
  rules?: AccessRule[];
}

function readAccess(): AccessDocument[] {
  return parseAllDocuments(readFileSync(`${folder}/access.yaml`, 'utf8')).map(
    (document) => document.toJS() as AccessDocument,
  );
}

/** Velocity's kinds that a rule is about, their subresources left out. */
function kindsIn({ apiGroups, resources }: AccessRule): string[] {
  if (!apiGroups.includes('velocity.sh')) return [];
  return resources.filter((resource) => !resource.includes('/'));
}

/** What an account may do, `group/resource` → verbs: in any namespace, and beyond that in its own. */
async function rightsOf(account: Account) {
  const own = kinds.flatMap(({ plural }) => [
    `velocity.sh/${plural}`,
    `velocity.sh/${plural}/status`,
  ]);
  const elsewhere: Record<string, string> = {};
  const inSystem: Record<string, string> = {};
  for (const resource of [...own, ...foreign]) {
    const common = await allowedVerbs(account, { resource, namespace: tenant.namespace });
    if (common !== '') elsewhere[resource] = common;
    const here = await allowedVerbs(account, { resource, namespace: systemNamespace });
    if (here !== common) inSystem[resource] = here;
  }
  return { elsewhere: summed(summed(elsewhere, ''), '/status'), inSystem };
}

/** One line for all kinds where they agree. */
function summed(rights: Record<string, string>, ending: string): Record<string, string> {
  const own = kinds.map(({ plural }) => `velocity.sh/${plural}${ending}`);
  const [first] = own;
  const same = own.every((resource) => rights[resource] === rights[first!]);
  if (!same || rights[first!] === undefined) return rights;
  const others = Object.entries(rights).filter(([resource]) => !own.includes(resource));
  return { [`velocity.sh/*${ending}`]: rights[first!]!, ...Object.fromEntries(others) };
}

/** Of one of Velocity's own accounts, or of a person. */
async function allowedVerbs(
  who: Account | 'edit' | 'admin',
  of: { resource: string; name?: string; namespace?: string },
): Promise<string> {
  const [group, resource, subresource] = of.resource.split('/');
  const asked = await Promise.all(
    verbs.map(async (verb) => {
      const { status } = await client.request<{ status: { allowed: boolean } }>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: accounts.some((account) => account === who)
              ? `system:serviceaccount:${systemNamespace}:${who}`
              : who,
            resourceAttributes: {
              ...{ group, resource, verb, subresource },
              ...{ name: of.name, namespace: of.namespace },
            },
          },
        },
      });
      return status.allowed;
    }),
  );
  return verbs.filter((_, i) => asked[i]).join(' ');
}

async function put(plural: string, name: string, over: object): Promise<void> {
  const path = `/api/v1/namespaces/${systemNamespace}/${plural}/${name}`;
  const found = await client.request<object>({ method: 'GET', path });
  await client.request({ method: 'PUT', path, body: { ...found, ...over } });
}

function kube(args: readonly string[], item?: object): Promise<string> {
  return kubectl(
    cluster.kubeconfig,
    args,
    item === undefined ? {} : { input: JSON.stringify(item) },
  );
}
