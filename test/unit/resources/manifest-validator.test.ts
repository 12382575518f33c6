import { describe, expect, it } from 'vitest';
import type { SchemaDefinition } from '../../../src/contract/kinds.ts';
import type { Problem } from '../../../src/errors.ts';
import { validateManifest } from '../../../src/resources/manifest-validator.ts';

const strategyRef = { name: 'keys', namespace: 'a-b-c' };

function schemaManifest(spec: object = {}): object {
  return {
    apiVersion: 'velocity.sh/v1',
    kind: 'SchemaDefinition',
    metadata: { name: 'thing', namespace: 'a-b-c' },
    spec: {
      version: 'v1',
      auth: { strategyRef },
      access: {},
      fields: [{ name: 'title', type: 'string' }],
      search: { tier: 'Tier1' },
      ...spec,
    },
  };
}

function problemsOf(manifest: unknown): readonly Problem[] {
  const result = validateManifest(manifest);
  return 'problems' in result ? result.problems : [];
}

function resourceOf(manifest: unknown): SchemaDefinition {
  const result = validateManifest(manifest);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.resource as SchemaDefinition;
}

describe('manifest validator', () => {
  it('fills in the defaults of the CRD and leaves the manifest as it was', () => {
    const manifest = schemaManifest({
      fields: [
        { name: 'title', type: 'string' },
        {
          name: 'parent',
          type: 'ref',
          ref: { org: 'a', app: 'b', domain: 'c', object: 'thing', version: 'v1' },
        },
      ],
      indexes: [{ fields: [{ name: 'title' }] }],
      timeMachine: {},
    });
    const before = structuredClone(manifest);
    const { spec } = resourceOf(manifest);

    expect(spec.fields[0]).toEqual({
      name: 'title',
      type: 'string',
      required: false,
      unique: false,
      indexed: false,
      filterable: false,
      sortable: false,
      searchable: false,
      facet: false,
      encrypted: false,
      immutable: false,
    });
    expect(spec.fields[1]?.ref).toMatchObject({ key: 'id', onDelete: 'restrict' });
    expect(spec.indexes).toEqual([
      { fields: [{ name: 'title', direction: 'asc' }], unique: false },
    ]);
    expect(spec.timeMachine).toEqual({ enabled: true });
    expect(spec.audit).toBeUndefined();
    expect(manifest).toEqual(before);
  });

  it('names every unknown field and what was probably meant', () => {
    const problems = problemsOf(
      schemaManifest({ fields: [{ name: 'a', type: 'string', requierd: true, wombat: 1 }] }),
    );
    expect(problems).toEqual([
      {
        pointer: '/spec/fields/0/requierd',
        rule: 'unknown-field',
        message: '"requierd" is not a field of this object',
        hint: 'did you mean required?',
      },
      {
        pointer: '/spec/fields/0/wombat',
        rule: 'unknown-field',
        message: '"wombat" is not a field of this object',
      },
    ]);
  });

  it('reports every problem at once, each with its pointer', () => {
    const problems = problemsOf(
      schemaManifest({
        version: 1,
        fields: [
          { name: 'Total', type: 'money', maxLength: 0 },
          { type: 'string', ref: { org: 'a' } },
        ],
        search: undefined,
        lifecycle: { deprecatedAt: 'yesterday' },
      }),
    );
    expect(problems.map(({ pointer }) => pointer).sort()).toEqual([
      '/spec/fields/0/maxLength',
      '/spec/fields/0/name',
      '/spec/fields/0/type',
      '/spec/fields/1/name',
      '/spec/fields/1/ref/app',
      '/spec/fields/1/ref/domain',
      '/spec/fields/1/ref/object',
      '/spec/fields/1/ref/version',
      '/spec/lifecycle/deprecatedAt',
      '/spec/search',
      '/spec/version',
    ]);
  });

  it('says what would be right for enums, patterns and types', () => {
    const byPointer = new Map(
      problemsOf(
        schemaManifest({
          version: 2,
          fields: [{ name: 'orderDate', type: 'strnig' }],
          access: { roles: [{ role: 'a', operations: 'read' }] },
        }),
      ).map((problem) => [problem.pointer, problem]),
    );
    expect(byPointer.get('/spec/version')?.message).toBe(
      "must be text, not a number (write '2' in quotes)",
    );
    expect(byPointer.get('/spec/fields/0/type')?.hint).toMatch(/^did you mean string\?/);
    expect(byPointer.get('/spec/fields/0/name')?.hint).toMatch(/underscores.*order_date/);
    expect(byPointer.get('/spec/access/roles/0/operations')?.message).toBe(
      'must be a list, not text',
    );
  });

  it('refuses two entries of one name in a list that is keyed by name', () => {
    const fields = ['a', 'b', 'a'].map((name) => ({ name, type: 'string' }));
    expect(problemsOf(schemaManifest({ fields }))).toEqual([
      { pointer: '/spec/fields/2/name', rule: 'unique', message: '"a" is there twice' },
    ]);
  });

  it('takes either form of a claim mapping and no other', () => {
    const strategy = (roles: unknown) => ({
      apiVersion: 'velocity.sh/v1',
      kind: 'AuthStrategy',
      metadata: { name: 'tokens', namespace: 'a-b-c' },
      spec: { type: 'jwt', config: { issuers: [{ issuer: 'https://id', claims: { roles } }] } },
    });
    expect(problemsOf(strategy('realm_access.roles'))).toEqual([]);
    expect(problemsOf(strategy({ path: 'roles', transform: 'split', args: [','] }))).toEqual([]);
    expect(problemsOf(strategy({ path: 'roles', transform: 'reverse' }))).toMatchObject([
      { pointer: '/spec/config/issuers/0/claims/roles', rule: 'anyOf' },
    ]);
  });

  it('refuses what is no resource of ours', () => {
    expect(problemsOf('text')).toMatchObject([{ pointer: '' }]);
    expect(problemsOf([])).toMatchObject([{ pointer: '' }]);
    expect(problemsOf({})).toMatchObject([{ pointer: '/kind', rule: 'required' }]);
    expect(problemsOf({ kind: 'Organization' })).toMatchObject([
      { pointer: '/kind', hint: 'did you mean Organisation?' },
    ]);
    expect(problemsOf({ ...schemaManifest(), apiVersion: 'velocity.sh/v2' })).toMatchObject([
      { pointer: '/apiVersion', message: 'must be "velocity.sh/v1", not "velocity.sh/v2"' },
    ]);
    expect(problemsOf(JSON.parse('{"kind":"__proto__"}'))).toMatchObject([{ pointer: '/kind' }]);
  });

  it('keeps free-form values as they are', () => {
    const filter = { field: 'title', op: 'in', value: ['a', { b: [null, 1] }] };
    const { spec } = resourceOf(schemaManifest({ access: { rowFilter: [{ role: 'r', filter }] } }));
    expect(spec.access.rowFilter?.[0]?.filter).toEqual(filter);
  });

  it('bounds the number of problems that it reports', () => {
    const spec = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`x${index}`, 1]));
    expect(problemsOf(schemaManifest(spec))).toHaveLength(200);
  });
});
