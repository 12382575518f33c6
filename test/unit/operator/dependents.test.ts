import { describe, expect, it } from 'vitest';
import { Dependents } from '../../../src/operator/dependents.ts';
import { dependenciesOf, judgeDependency } from '../../../src/resources/dependencies.ts';
import { resourceOf } from './resources.ts';

const schema = resourceOf('SchemaDefinition', {
  metadata: { name: 'order' },
  spec: {
    version: 'v1',
    auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
    fields: [
      { name: 'supplier', type: 'ref', ref: reference('supplier') },
      { name: 'parent', type: 'ref', ref: reference('order') },
    ],
  },
});
const key = 'SchemaDefinition/acme-shop-sales/order';

function reference(object: string) {
  return { org: 'acme', app: 'shop', domain: 'sales', object, version: 'v1' };
}

describe('dependencies', () => {
  it('of a schema are its domain, its strategy and the other schemas it refers to', () => {
    const found = dependenciesOf(schema).map(({ kind, name }) => `${kind} ${name ?? '*'}`);
    expect(found).toEqual(['Domain *', 'AuthStrategy keys', 'SchemaDefinition supplier']);
  });

  it('of a domain is the application that its namespace names', () => {
    const domain = resourceOf('Domain', { metadata: { name: 'sales' }, spec: { app: 'shop' } });
    expect(dependenciesOf(domain)).toMatchObject([
      { kind: 'Application', namespace: 'acme', name: 'shop' },
    ]);
  });

  it('do not hold when the schema is there in another version', () => {
    const [, , supplier] = dependenciesOf(schema);
    const found = resourceOf('SchemaDefinition', {
      spec: { version: 'v2' },
      status: { phase: 'Ready', activeRevision: 1 },
    });
    expect(supplier && judgeDependency(supplier, found)).toMatchObject({
      reason: 'ReferenceMissing',
      message: expect.stringContaining('v2'),
    });
  });

  it('hold on a schema that serves an older spec of itself', () => {
    const [, , supplier] = dependenciesOf(schema);
    const found = resourceOf('SchemaDefinition', {
      spec: { version: 'v1' },
      status: { phase: 'Failed', activeRevision: 3 },
    });
    expect(supplier && judgeDependency(supplier, found)).toBeUndefined();
  });
});

describe('dependents', () => {
  it('are found by the name of what they wait for, and by its namespace alone', () => {
    const dependents = new Dependents();
    dependents.note(key, dependenciesOf(schema));
    expect(dependents.dependentsOf('SchemaDefinition/acme-shop-sales/supplier')).toEqual([key]);
    expect(dependents.dependentsOf('Domain/acme-shop-sales/sales')).toEqual([key]);
    expect(dependents.dependentsOf('Domain/acme-shop-stock/stock')).toEqual([]);
  });

  it('are forgotten with the key, and replaced when it is noted again', () => {
    const dependents = new Dependents();
    dependents.note(key, dependenciesOf(schema));
    dependents.note(key, dependenciesOf(schema).slice(0, 1));
    expect(dependents.dependentsOf('SchemaDefinition/acme-shop-sales/supplier')).toEqual([]);
    dependents.forget(key);
    expect(dependents.dependentsOf('Domain/acme-shop-sales/sales')).toEqual([]);
    expect(dependents.dependenciesOf(key)).toEqual([]);
  });
});
