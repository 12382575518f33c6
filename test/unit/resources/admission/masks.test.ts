import { describe, expect, it } from 'vitest';
import type { Field, Operation, SchemaDefinitionSpec } from '../../../../src/contract/kinds.ts';
import { admitNew, problemsOf, schema } from './manifests.ts';

const roles = [{ role: 'clerk', operations: ['*'] as Operation[] }];

describe('admission › masks', () => {
  const masked = (type: Field['type'], mask: Field['mask'], more: Partial<Field> = {}) =>
    schema('thing', {
      fields: [
        { name: 'value', type, ...(mask !== undefined && { mask }), ...more },
        { name: 'amount', type: 'integer' },
      ],
    });

  it.each([
    ['string', { strategy: 'partial', keepLast: 2 }, []],
    ['string', { strategy: 'partial' }, []],
    ['integer', { strategy: 'partial' }, ['/strategy']],
    ['string', { strategy: 'hash' }, []],
    ['date', { strategy: 'hash' }, []],
    ['boolean', { strategy: 'hash' }, ['/strategy']],
    ['json', { strategy: 'hash' }, ['/strategy']],
    ['json', { strategy: 'redact' }, []],
    ['boolean', { strategy: 'redact' }, []],
    ['string', { strategy: 'redact', keepLast: 2 }, ['/keepLast']],
  ] as const)('%s under %o', (type, mask, wrong) => {
    expect(problemsOf(masked(type, mask))).toEqual(
      wrong.map((where) => `/spec/fields/0/mask${where} mask`),
    );
  });

  it('refuses one on a reference and one on the key of a row filter', () => {
    const owner = { org: 'acme', app: 'shop', domain: 'orders', object: 'thing', version: 'v1' };
    expect(problemsOf(masked('ref', { strategy: 'redact' }, { ref: owner }))).toEqual([
      '/spec/fields/0/mask/strategy mask',
    ]);
    const filter = { field: 'region', op: 'eq' as const, value: 'north' };
    const keyed = schema('thing', {
      fields: [{ name: 'region', type: 'string', indexed: true, mask: { strategy: 'redact' } }],
      access: { roles, rowFilter: [{ role: 'clerk', filter }] },
    });
    expect(problemsOf(keyed)).toEqual(['/spec/fields/0/mask mask']);
  });

  it('warns of a role that may do nothing, and of a rule that lets the value be probed', () => {
    const candidate = masked('integer', { strategy: 'redact', unmaskedFor: ['auditer'] });
    const { warnings } = admitNew({
      ...candidate,
      spec: {
        ...candidate.spec,
        validations: [{ type: 'compare', left: 'amount', operator: 'lt', right: 'value' }],
      },
    });
    expect(warnings.join('\n')).toContain('Role "auditer", named in mask.unmaskedFor');
    expect(warnings.join('\n')).toContain('A validation looks at "value", which is masked');
  });
});

describe('admission › policy indexes', () => {
  const warned = (spec: Partial<SchemaDefinitionSpec>, indexed: Partial<Field> = {}) =>
    admitNew(
      schema('thing', {
        fields: [
          { name: 'region', type: 'string', ...indexed },
          { name: 'title', type: 'string' },
        ],
        access: {
          roles,
          rowFilter: [{ role: 'clerk', filter: { field: 'region', op: 'eq', value: 'north' } }],
        },
        ...spec,
      }),
    ).warnings.some((warning) => warning.includes('A row filter looks at "region"'));

  it('warns of a column that no index begins with', () => {
    expect(warned({})).toBe(true);
    expect(warned({ indexes: [{ fields: [{ name: 'title' }, { name: 'region' }] }] })).toBe(true);
    expect(
      warned({ indexes: [{ fields: [{ name: 'region' }], where: 'self.title == "a"' }] }),
    ).toBe(true);
    expect(warned({ indexes: [{ fields: [{ name: 'region' }, { name: 'title' }] }] })).toBe(false);
    for (const indexed of ['indexed', 'filterable', 'sortable', 'unique']) {
      expect(warned({}, { [indexed]: true }), indexed).toBe(false);
    }
  });
});
