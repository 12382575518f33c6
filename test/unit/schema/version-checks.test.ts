import { describe, expect, it } from 'vitest';
import type { Field, Index } from '../../../src/contract/kinds.ts';
import { planVersionChecks } from '../../../src/schema/version-checks.ts';

const fields: Field[] = [
  { name: 'code', type: 'string' },
  { name: 'open', type: 'boolean' },
];

function shared(index: Index): string[] {
  const checks = planVersionChecks({
    to: {
      spec: {
        version: 'v2',
        auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
        access: { roles: [] },
        search: { tier: 'Tier1' },
        fields,
        indexes: [index],
      },
      pgTable: 'item_v2',
      typeOf: () => 'text',
    },
    fields: fields.map((field) => ({ field, type: 'text', value: `s."${field.name}"` })),
    references: [],
    ...{ source: 'acme.item_v1', target: 'acme.item_v2' },
  });
  return checks.map(({ unfit }) => unfit).filter((unfit) => unfit.includes('code'));
}

describe('the checks of a promotion', () => {
  it('look for values that a unique index over all records would refuse', () => {
    expect(shared({ fields: [{ name: 'code' }], unique: true })).toEqual([
      'share their code with others',
      'have a code that a record of the new version has already',
    ]);
  });

  it('leave an index over some records alone to itself', () => {
    expect(shared({ fields: [{ name: 'code' }], unique: true, where: 'self.open' })).toEqual([]);
  });
});
