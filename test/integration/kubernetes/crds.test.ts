import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Resource } from '../../../src/contract/kinds.ts';
import { admit } from '../../../src/resources/admission/admit.ts';
import { createAdmissionView } from '../../../src/resources/admission/view.ts';
import { validateManifest } from '../../../src/resources/manifest-validator.ts';
import { kubectl, sharedKubernetes } from '../../support/kubernetes.ts';
import { manifest, testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import type { SchemaNode } from '../../support/structural-schema.ts';
import { walkSchema } from '../../support/structural-schema.ts';

const tenant = testTenant(uniqueName('crds'));
const { organisation, namespace } = tenant;
const text = { name: 'title', type: 'string' };

/** What the API server refuses by itself: the message of the rule in the CRD, and what breaks it. */
const broken: readonly (readonly [message: string, kind: string, spec: object])[] = [
  ...schemas([
    ['the name is reserved', { fields: [{ name: 'created_at', type: 'datetime' }] }],
    ['an enum needs at least one value', { fields: [{ name: 'state', type: 'enum' }] }],
    ['enumValues belongs to fields of type enum', { fields: [{ ...text, enumValues: ['a'] }] }],
    ['a ref needs ref, which names its target', { fields: [{ name: 'owner', type: 'ref' }] }],
    ['ref belongs to fields of type ref', { fields: [{ ...text, ref: tenant.reference('x') }] }],
    ['precision and scale belong to fields', { fields: [{ ...text, precision: 3 }] }],
    ['scale needs a precision', { fields: [{ name: 'price', type: 'decimal', scale: 2 }] }],
    ['min must not exceed max', { fields: [{ name: 'size', type: 'integer', min: 2, max: 1 }] }],
    ['min and max belong to numbers', { fields: [{ ...text, min: 2 }] }],
    ['unique belongs to types', { fields: [{ name: 'extra', type: 'json', unique: true }] }],
    ['sortable belongs to types', { fields: [{ name: 'tags', type: 'string[]', sortable: true }] }],
    ['searchable belongs to texts', { fields: [{ name: 'size', type: 'date', searchable: true }] }],
    ['maxLength belongs to texts', { fields: [{ name: 'size', type: 'date', maxLength: 3 }] }],
    ['pattern belongs to texts', { fields: [{ name: 'size', type: 'integer', pattern: '^1$' }] }],
    [
      'setNull needs a field that may become null',
      {
        fields: [
          {
            ...{ name: 'parent', type: 'ref', required: true },
            ref: { ...tenant.reference('broken'), onDelete: 'setNull' },
          },
        ],
      },
    ],
    ['Tier2 and Tier3 need a searchable field', { search: { tier: 'Tier2' } }],
    [
      'titleField is not a field of this schema',
      { search: { tier: 'Tier1', display: { titleField: 'heading' } } },
    ],
    [
      'subtitleField is not a field of this schema',
      { search: { tier: 'Tier1', display: { subtitleField: 'heading' } } },
    ],
    [
      'a version cannot take its records from itself',
      { lifecycle: { migrateFrom: { version: 'v1' } } },
    ],
    [
      'a version is deprecated before its sunset',
      {
        lifecycle: { deprecatedAt: '2026-02-01T00:00:00Z', sunsetAt: '2026-02-01T00:00:00+02:00' },
      },
    ],
    [
      'an index is over a field that does not exist',
      { indexes: [{ fields: [{ name: 'title' }, { name: 'id' }, { name: 'heading' }] }] },
    ],
    [
      'a row filter looks at a field that does not exist',
      {
        access: { rowFilter: [{ role: 'reader', filter: { field: 'no', op: 'eq', value: 'x' } }] },
      },
    ],
    [
      'a role is granted its operations in one entry',
      {
        access: {
          roles: [
            { role: 'reader', operations: ['read'] },
            { role: 'reader', operations: ['update'] },
          ],
        },
      },
    ],
    [
      "platform-admin belongs to the platform's bootstrap key alone",
      { access: { roles: [{ role: 'platform-admin', operations: ['read'] }] } },
    ],
    [
      'a regulation that wants an audit is listed',
      { audit: { enabled: false, regulations: ['GDPR', 'SOX'] } },
    ],
    ['min must not exceed max', { scaling: { min: 3, max: 1 } }],
  ]),
  [
    "platform-admin belongs to the platform's bootstrap key alone",
    'RoleBinding',
    { actorId: 'ann', roles: ['reader', 'platform-admin'] },
  ],
  [
    'give an address and a prefix length',
    'ApiKey',
    { actor: 'ann', actorType: 'user', ipAllowlist: ['10.0.0.0/8', '10.0.0.0/33'] },
  ],
];

let kubeconfig: string;

beforeAll(async () => {
  ({ kubeconfig } = await sharedKubernetes());
  await createNamespaces([organisation, namespace]);
});

describe('without the webhook, the API server', () => {
  it('refuses what a CRD can know by itself, as admission does', async () => {
    const manifests = broken.map(([, kind, spec], i) =>
      manifest(kind, `broken-${i}`, namespace, spec),
    );
    const said = await refusal(dryRun(manifests));
    for (const [i, [message]] of broken.entries()) {
      const about =
        said.split('Error from server').find((part) => part.includes(`"broken-${i}"`)) ?? '';
      expect(about, `${i}: ${message}\n${said}`).toContain(message);
      expect(judge(manifests[i]!), `${i}: ${message}`).not.toEqual([]);
    }
  });

  it('keeps names and places that others build on', async () => {
    const { app } = { app: manifest('Application', 'shop', organisation, {}) };
    const named = { org: organisation, displayName: 'Shop' };
    await apply([{ ...app, spec: named }]);
    expect(await refusal(apply([{ ...app, spec: { ...named, org: 'other' } }]))).toContain(
      'an application stays in its organisation',
    );
    const access = { defaultRole: 'reader', adminRole: 'admin' };
    const domain = manifest('Domain', 'sales', namespace, {
      ...{ app: 'shop', displayName: 'Sales', access },
    });
    await apply([domain]);
    expect(await refusal(apply([{ ...domain, spec: { ...domain.spec, app: 'other' } }]))).toContain(
      'a domain stays in its application',
    );
    const same = { ...domain.spec, access: { defaultRole: 'admin', adminRole: 'admin' } };
    expect(await refusal(apply([{ ...domain, spec: same }]))).toContain('are two roles');
    const postgres = manifest('Organisation', 'pg-x', organisation, { displayName: 'x' });
    expect(await refusal(dryRun([postgres]))).toContain("are Postgres' own");
  });

  it('takes every sample as it is', async () => {
    const samples = readSamples();
    await createNamespaces([...new Set(samples.map(({ metadata }) => metadata.namespace))]);
    const accepted = await dryRun(samples);
    expect(accepted.trim().split('\n')).toHaveLength(samples.length);
  });

  it('has a rule of every CRD broken here', () => {
    const tried = new Set(broken.map(([message]) => message));
    const untried = schemaRules().filter(
      (message) => ![...tried].some((part) => message.includes(part)),
    );
    expect(untried).toEqual([
      'a cel validation needs rule',
      'a compare validation needs left, operator and right',
    ]);
  });
});

describe('kubectl', () => {
  const name = 'invoice';

  beforeAll(() => apply([tenant.schema(name)]));

  it('explains a field with all that it may say', async () => {
    const said = await kubectl(kubeconfig, ['explain', 'sd.spec.fields']);
    expect(said).toContain('One field of the records: a column of the table');
    expect(said).toMatch(
      /renamedFrom\t<string>\n {4}Earlier name of the field; its data is kept\./,
    );
    expect(said).toMatch(/type\t<string> -required-\n {2}enum: string, integer/);
    expect(await kubectl(kubeconfig, ['explain', 'dom.spec.approvals'])).toContain('fourEyes');
  });

  it('shows version, phase, revision, records and age', async () => {
    await patchStatus(name, { phase: 'Provisioning', activeRevision: 7, records: 1_234 });
    const [head, row] = (await kubectl(kubeconfig, ['get', 'sd', name, '-n', namespace])).split(
      '\n',
    );
    expect(head!.split(/\s{2,}/).map((title) => title.trim())).toEqual([
      ...['NAME', 'VERSION', 'PHASE', 'REVISION', 'RECORDS', 'AGE'],
    ]);
    expect(row).toMatch(/^invoice\s+v1\s+Provisioning\s+7\s+1234\s+\d+[sm]/);
  });

  it('waits for a resource to be ready', async () => {
    const waiting = kubectl(kubeconfig, [
      ...['wait', '--for=condition=Ready', '--timeout=20s', `sd/${name}`, '-n', namespace],
    ]);
    await sleep(500);
    const lastTransitionTime = new Date().toISOString();
    const ready = { type: 'Ready', status: 'True', reason: 'Served', message: 'is served' };
    await patchStatus(name, { phase: 'Ready', conditions: [{ ...ready, lastTransitionTime }] });
    expect(await waiting).toContain('condition met');
    const wide = await kubectl(kubeconfig, ['get', 'sd', name, '-n', namespace, '-o', 'wide']);
    expect(wide).toContain('is served');
  });
});

type BrokenSchema = readonly [message: string, over: object];

function schemas(cases: readonly BrokenSchema[]) {
  return cases.map(([message, over]) => {
    const { spec } = tenant.schema('broken', { fields: [text], spec: over });
    return [message, 'SchemaDefinition', spec] as const;
  });
}

/** Rules of admission and structure that a manifest breaks. */
function judge(candidate: object): string[] {
  const read = validateManifest(candidate);
  if ('problems' in read) return read.problems.map(({ rule }) => rule);
  const stored = tenant.base as unknown as readonly Resource[];
  const view = createAdmissionView({ stored, candidates: [read.resource] });
  return admit(read.resource, view).problems.map(({ rule }) => rule);
}

function schemaRules(): string[] {
  const file = new URL('../../../crds/schemadefinitions.yaml', import.meta.url);
  const messages: string[] = [];
  const crd = parse(readFileSync(file, 'utf8')) as {
    spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] };
  };
  walkSchema(crd.spec.versions[0]!.schema.openAPIV3Schema, (node) => {
    for (const { message } of node['x-kubernetes-validations'] ?? []) messages.push(message);
  });
  return messages;
}

function readSamples(): { metadata: { namespace: string } }[] {
  const folder = new URL('../../../samples/', import.meta.url);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parseAllDocuments(readFileSync(new URL(file, folder), 'utf8')))
    .map((document) => document.toJS() as { metadata: { namespace: string } });
}

async function createNamespaces(names: readonly string[]): Promise<void> {
  const items = names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await apply(items);
}

function apply(items: readonly object[]): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return kubectl(kubeconfig, ['apply', '-f', '-'], { input });
}

function dryRun(items: readonly object[]): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return kubectl(kubeconfig, ['apply', '--dry-run=server', '-f', '-'], { input });
}

function patchStatus(name: string, status: object): Promise<string> {
  const patch = JSON.stringify({ status });
  return kubectl(kubeconfig, [
    ...['patch', 'sd', name, '-n', namespace, '--subresource=status', '--type=merge', '-p', patch],
  ]);
}

function refusal(refused: Promise<string>): Promise<string> {
  return refused.then(
    (said) => `accepted: ${said}`,
    (error: Error) => error.message,
  );
}
