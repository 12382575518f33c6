import { validate } from '@scalar/openapi-parser';
import { describe, expect, it } from 'vitest';
import { buildOpenApi } from '../../../src/api/openapi/build-openapi.ts';
import type { Identity } from '../../../src/contract/identity.ts';
import type { SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { BindingEntry, RegistrySnapshot } from '../../../src/resources/registry/snapshot.ts';
import { compileSchema } from '../../../src/schema/compile.ts';

const namespace = 'acme-crm-sales';
const access = { defaultRole: 'member', adminRole: 'domain-admin' };

function schema(name: string, spec: Partial<SchemaDefinitionSpec>) {
  return compileSchema(
    {
      organisation: 'acme',
      application: 'crm',
      domain: 'sales',
      namespace,
      name,
      revision: 1,
      pgNamespace: 'acme_crm_sales',
      pgTable: `${name}_v1`,
      pgRole: 'velocity_acme_crm_sales',
      access,
      spec: {
        version: 'v1',
        auth: { strategyRef: { name: 'keys', namespace } },
        access: {
          roles: [
            { role: 'reader', operations: ['read'] },
            { role: 'writer', operations: ['create', 'read', 'update'] },
            { role: 'auditor', operations: ['read'] },
          ],
        },
        fields: [{ name: 'title', type: 'string' }],
        ...spec,
      } as SchemaDefinitionSpec,
    },
    () => undefined,
  );
}

const order = schema('order', {
  description: 'What was ordered.',
  fields: [
    { name: 'number', type: 'string', required: true, unique: true, pattern: '^PO-[0-9]+$' },
    { name: 'status', type: 'enum', enumValues: ['open', 'closed'], filterable: true },
    { name: 'margin', type: 'decimal', precision: 12, scale: 2, access: { read: ['auditor'] } },
    { name: 'rating', type: 'integer', min: 1, max: 5, access: { write: ['auditor'] } },
    { name: 'quantity', type: 'integer', sortable: true, required: true, default: 1 },
    { name: 'price', type: 'number' },
    { name: 'paid', type: 'boolean' },
    { name: 'due', type: 'date' },
    { name: 'sent_at', type: 'datetime' },
    { name: 'token', type: 'uuid', immutable: true },
    { name: 'extra', type: 'json' },
    { name: 'place', type: 'geopoint' },
    { name: 'tags', type: 'string[]', maxLength: 20 },
    { name: 'sizes', type: 'integer[]' },
    {
      name: 'customer',
      type: 'ref',
      ref: { org: 'acme', app: 'crm', domain: 'sales', object: 'secret', version: 'v1' },
    },
  ],
});
const secret = schema('secret', {
  access: { roles: [{ role: 'auditor', operations: ['*'] }] },
});

function binding(actorId: string, roles: string[]): [string, BindingEntry[]] {
  const entry = {
    namespace,
    name: actorId,
    organisation: 'acme',
    actorId,
    roles,
    scopes: [],
    expiresAt: undefined,
  };
  return [`acme\n${actorId}`, [entry]];
}

const snapshot: RegistrySnapshot = {
  dropped: new Map(),
  schemas: new Map([order, secret].map((compiled) => [compiled.path, compiled])),
  targets: new Map(),
  domains: new Map(),
  bindings: new Map([
    binding('rita', ['reader']),
    binding('will', ['writer']),
    binding('anna', ['writer', 'auditor']),
    binding('dora', ['domain-admin']),
  ]),
  keys: new Map(),
  strategies: new Map(),
  adminRoles: new Map([['acme', ['org-admin']]]),
  quotas: new Map(),
};

function documentFor(actor: string, more: Partial<Identity> = {}): Record<string, never> {
  const identity: Identity = {
    organisation: 'acme',
    actor,
    actorType: 'user',
    strategy: 'apikey',
    platformAdmin: false,
    keyScopes: undefined,
    ...{ roles: [], attributes: {}, credential: { kind: 'apikey', id: 'test' } },
    ...more,
  };
  const input = { identity, snapshot, nowMs: 0, version: '1.2.3', administers: actor === 'dora' };
  return JSON.parse(JSON.stringify(buildOpenApi(input)));
}

const orderPath = '/api/acme/crm/sales/order/v1';
const operationsOf = (document: object, path: string): string[] =>
  Object.keys((document as { paths: Record<string, object> }).paths[path] ?? {}).sort();
const propertiesOf = (document: object, component: string): string[] => {
  const { components } = document as {
    components: { schemas: Record<string, { properties: object }> };
  };
  return Object.keys(components.schemas[component]?.properties ?? {});
};

describe('the OpenAPI document', () => {
  it.each(['rita', 'will', 'anna', 'dora', 'nobody'])('is valid 3.1 for %s', async (actor) => {
    const result = await validate(documentFor(actor));
    expect(result.errors ?? []).toEqual([]);
    expect(result).toMatchObject({ valid: true, version: '3.1' });
  });

  it('shows only schemas and operations that the caller may use', () => {
    const document = documentFor('rita');
    expect(JSON.stringify(document)).not.toContain('sales/secret');
    expect(operationsOf(document, orderPath)).toEqual(['get']);
    expect(operationsOf(document, `${orderPath}/query`)).toEqual(['post']);
    expect(operationsOf(document, `${orderPath}/bulk`)).toEqual([]);
    expect(operationsOf(document, `${orderPath}/{id}`)).toEqual(['get', 'parameters']);
    const written = documentFor('will');
    expect(operationsOf(written, `${orderPath}/{id}`)).toEqual([
      'get',
      'parameters',
      'patch',
      'put',
    ]);
    expect(operationsOf(documentFor('anna'), '/api/acme/crm/sales/secret/v1')).toEqual([
      'get',
      'post',
    ]);
  });

  it('shows only fields that the caller may read and write', () => {
    const component = 'acme.crm.sales.order.v1';
    const will = documentFor('will');
    expect(propertiesOf(will, component)).not.toContain('margin');
    expect(propertiesOf(will, component)).toContain('rating');
    expect(propertiesOf(will, `${component}.create`)).not.toContain('rating');
    expect(propertiesOf(will, `${component}.create`)).toContain('token');
    expect(propertiesOf(will, `${component}.update`)).not.toContain('token');
    expect(JSON.stringify(will)).not.toContain('margin');
    expect(propertiesOf(documentFor('anna'), component)).toContain('margin');
  });

  it('narrows to the scopes of the key', () => {
    const scoped = documentFor('will', { keyScopes: [{ schema: 'order', operations: ['read'] }] });
    expect(operationsOf(scoped, orderPath)).toEqual(['get']);
  });

  it('shows what administers to administrators only', () => {
    expect(operationsOf(documentFor('rita'), '/api/platform/objects')).toEqual([]);
    expect(operationsOf(documentFor('dora'), '/api/platform/objects')).toEqual(['post']);
  });

  it('shows a caller without a role no schema at all', () => {
    expect(JSON.stringify(documentFor('nobody'))).not.toContain('/api/acme');
    expect(JSON.stringify(documentFor('will', { organisation: 'other' }))).not.toContain('acme');
  });
});
