import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClaimMapping } from '../../../src/contract/kinds.ts';
import {
  ClaimOverBounds,
  compileClaimMapping,
} from '../../../src/resources/auth-strategies/claim-mapping.ts';

const claims = {
  sub: 'ada',
  level: 3,
  admin: true,
  scope: 'read  write ',
  groups: ['app:clerk', 'app:', 'other', 7, null, { a: 1 }],
  realm_access: { roles: ['x', 'y'] },
  'https://acme.example/roles': ['url'],
  'a.b': 'whole',
  a: { b: 'nested' },
};

function read(mapping: ClaimMapping, from: object = claims): unknown {
  const compiled = compileClaimMapping(mapping);
  return typeof compiled === 'string' ? compiled : compiled(from as never).values;
}
const transformed = (path: string, transform: string, args?: unknown) =>
  read({ path, transform, args } as ClaimMapping);

describe('claim mapping', () => {
  it('finds a claim by its whole name first, then by names with dots between them', () => {
    expect(read('sub')).toEqual(['ada']);
    expect(read('realm_access.roles')).toEqual(['x', 'y']);
    expect(read('https://acme.example/roles')).toEqual(['url']);
    expect(read('a.b')).toEqual(['whole']);
    for (const path of ['nothing', 'sub.length', 'a', 'groups.0', 'a.b.c', 'realm_access']) {
      expect(read(path), path).toEqual([]);
    }
  });

  it('sees only what the token says itself', () => {
    for (const path of ['constructor', '__proto__', 'toString', 'a.constructor', '__proto__.x']) {
      expect(read(path), path).toEqual([]);
    }
  });

  it.each<[string, unknown, unknown, unknown[]]>([
    ['identity', undefined, 'groups', ['app:clerk', 'app:', 'other', 7]],
    ['prefix_strip', 'app:', 'groups', ['clerk']],
    ['prefix_strip', { prefix: 'app:' }, 'groups', ['clerk']],
    ['split', undefined, 'scope', ['read', 'write']],
    ['split', 'd', 'sub', ['a', 'a']],
    ['split', { separator: ':' }, 'groups', ['app', 'clerk', 'app', 'other']],
    ['uppercase', undefined, 'sub', ['ADA']],
    ['lowercase', undefined, 'groups', ['app:clerk', 'app:', 'other']],
    ['lookup', { ada: 'boss', 7: 'seven' }, 'sub', ['boss']],
    ['lookup', { 7: ['seven', 'lucky'], other: 'o' }, 'groups', ['o', 'seven', 'lucky']],
    ['lookup', { ada: 'boss' }, 'admin', []],
    ['lookup', { x: 'y' }, 'constructor', []],
    ['regex_extract', '^app:(.+)$', 'groups', ['clerk']],
    [
      'regex_extract',
      { pattern: '[a-z]+r' },
      'groups',
      ['app:clerk', 'other'].map((t) => /[a-z]+r/.exec(t)![0]),
    ],
    ['static_append', 'member', 'realm_access.roles', ['x', 'y', 'member']],
    ['static_append', ['p', 'q'], 'nothing', ['p', 'q']],
  ])('%s with %j of %s', (transform, args, path, expected) => {
    expect(transformed(String(path), transform, args)).toEqual(expected);
  });

  it('keeps a list a list, though it holds one value', () => {
    const isList = (mapping: ClaimMapping, from: object) => {
      const compiled = compileClaimMapping(mapping);
      return typeof compiled !== 'string' && compiled(from as never).isList;
    };
    expect(isList('r', { r: ['eu'] })).toBe(true);
    expect(isList('r', { r: 'eu' })).toBe(false);
    expect(isList({ path: 'r', transform: 'split' }, { r: 'eu' })).toBe(true);
    expect(isList({ path: 'r', transform: 'lookup', args: { eu: ['a'] } }, { r: 'eu' })).toBe(true);
  });

  it.each<[string, unknown]>([
    ['prefix_strip', undefined],
    ['prefix_strip', ''],
    ['split', ''],
    ['split', 1],
    ['lookup', undefined],
    ['lookup', {}],
    ['lookup', { a: 1 }],
    ['lookup', ['a']],
    ['regex_extract', undefined],
    ['regex_extract', '('],
    ['regex_extract', '(?=a)b'],
    ['regex_extract', '(a)\\1'],
    ['static_append', undefined],
    ['static_append', []],
    ['static_append', ['']],
    ['upcase', undefined],
    ['constructor', undefined],
  ])('refuses %s with %j', (transform, args) => {
    expect(transformed('sub', transform, args)).toEqual(expect.stringMatching(/\w/));
  });

  it.each([null, 1, {}, { path: '' }, { path: 1 }, []])('refuses %j', (mapping) => {
    expect(typeof compileClaimMapping((mapping ?? '') as ClaimMapping)).toBe('string');
  });

  it('runs an expression in linear time, whatever the token says', () => {
    const text = `${'a'.repeat(4_000)}!`;
    const startedAt = performance.now();
    expect(read({ path: 'x', transform: 'regex_extract', args: '^(a+)+$' }, { x: text })).toEqual(
      [],
    );
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('refuses a claim over the bounds instead of cutting it', () => {
    const many = Array.from({ length: 513 }, (_, i) => `r${i}`);
    expect(() => read('x', { x: many })).toThrow(ClaimOverBounds);
    expect(() => read({ path: 'x', transform: 'split' }, { x: many.join(' ') })).toThrow(
      ClaimOverBounds,
    );
  });

  it('gives names and numbers and nothing else, whatever the token says', () => {
    const mappings = fc.constantFrom<ClaimMapping>(
      'x',
      'x.y',
      { path: 'x', transform: 'split' },
      { path: 'x', transform: 'uppercase' },
      { path: 'x', transform: 'lookup', args: { a: 'b' } },
      { path: 'x', transform: 'regex_extract', args: '(.)' },
      { path: 'x', transform: 'prefix_strip', args: 'a' },
    );
    fc.assert(
      fc.property(mappings, fc.jsonValue({ maxDepth: 3 }), (mapping, x) => {
        const values = read(mapping, { x }) as unknown[];
        for (const value of values) expect(['string', 'number', 'boolean']).toContain(typeof value);
      }),
    );
  });
});
