import { describe, expect, it } from 'vitest';
import type { Access } from '../../../src/auth/access.ts';
import { VelocityError } from '../../../src/errors.ts';
import { explainRefusal } from '../../../src/records/refusal.ts';
import { compileSchema } from '../../../src/schema/compile.ts';
import { ruleName } from '../../../src/schema/validation-rule.ts';

const fields = [
  { name: 'low', type: 'integer' },
  { name: 'high', type: 'integer' },
] as const;
const compiled = compileSchema(
  {
    ...{ organisation: 'acme', application: 'shop', domain: 'sales', namespace: 'acme-shop-sales' },
    ...{ name: 'span', revision: 1, pgNamespace: 'n', pgTable: 'span_v1', pgRole: 'r' },
    access: { defaultRole: 'member', adminRole: 'admin' },
    spec: {
      version: 'v1',
      auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
      access: { roles: [] },
      search: { tier: 'Tier1' },
      fields: [...fields],
      validations: [{ type: 'cel', rule: 'self.low < self.high', message: 'low comes first' }],
    },
  },
  () => undefined,
);
const [rule] = compiled.rules;
const refused = () =>
  new VelocityError('VALIDATION_ERROR', 'A value lies outside what its field allows.', {
    details: { constraint: rule === undefined ? '' : ruleName(compiled.pgTable, rule) },
  });
const reading = (...names: string[]) => ({ readable: new Set(names) }) as unknown as Access;

describe('a rule that only the database saw broken', () => {
  it('is told in its own words', () => {
    expect(explainRefusal(refused(), compiled, reading('low', 'high'))).toMatchObject({
      code: 'VALIDATION_ERROR',
      details: { problems: [{ pointer: '', rule: 'cel', message: 'low comes first' }] },
    });
  });

  it('is told without them to whoever cannot read its fields', () => {
    expect(explainRefusal(refused(), compiled, reading('low'))).toMatchObject({
      details: { problems: [{ rule: 'schema', message: 'does not fit the schema' }] },
    });
  });
});
