import { describe, expect, it } from 'vitest';
import type { SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import { accessMatrix, operations } from '../../../src/schema/access-matrix.ts';

const spec: SchemaDefinitionSpec = {
  version: 'v1',
  auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
  search: { tier: 'Tier1' },
  access: {
    roles: [
      { role: 'seller', operations: ['create', 'read', 'update'] },
      { role: 'auditor', operations: ['read', 'history'] },
    ],
    rowFilter: [{ role: 'seller', filter: { field: 'region', op: 'eq', value: 'north' } }],
  },
  fields: [
    { name: 'region', type: 'string' },
    { name: 'price', type: 'decimal', access: { write: ['auditor'] } },
    { name: 'margin', type: 'decimal', access: { read: ['auditor'] } },
    { name: 'phone', type: 'string', mask: { strategy: 'partial', unmaskedFor: ['auditor'] } },
  ],
};
const access = { defaultRole: 'member', adminRole: 'boss' };

describe('access matrix', () => {
  it('says of each role and operation what may be done with each field', () => {
    const { roles, fields } = accessMatrix(spec, access);
    expect(fields).toEqual(['region', 'price', 'margin', 'phone']);
    const byRole = Object.fromEntries(roles.map((row) => [row.role, row]));
    expect(Object.keys(byRole)).toEqual(['seller', 'auditor', 'boss']);
    expect(byRole['seller']).toMatchObject({
      operations: ['create', 'read', 'update'],
      rowFilters: [0],
      masked: ['phone'],
      fields: {
        create: { region: 'write', price: 'read', margin: 'none', phone: 'write' },
        read: { region: 'read', price: 'read', margin: 'none', phone: 'masked' },
      },
    });
    // A role that may write no record writes no field of one either.
    expect(byRole['auditor']?.fields).toEqual({
      read: { region: 'read', price: 'read', margin: 'read', phone: 'read' },
      history: { region: 'read', price: 'read', margin: 'read', phone: 'read' },
    });
    expect(byRole['boss']).toMatchObject({
      isAdmin: true,
      operations,
      fields: { update: { region: 'write', price: 'write', margin: 'write' } },
    });
  });

  it('leaves the admin role out where the domain is not known', () => {
    expect(accessMatrix(spec, undefined).roles.map(({ role }) => role)).toEqual([
      'seller',
      'auditor',
    ]);
  });
});
