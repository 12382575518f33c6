import { describe, expect, it } from 'vitest';
import { manifestBytesMax, readManifests } from '../../../src/resources/manifest-reader.ts';

describe('manifest reader', () => {
  it('reads every document with its line and skips those that are only comments', () => {
    const text = ['# first', 'kind: A', '---', '# nothing', '---', '', 'kind: B', '---', ''].join(
      '\n',
    );
    const { manifests, syntaxErrors } = readManifests(text, 'x.yaml');
    expect(syntaxErrors).toEqual([]);
    expect(manifests.map(({ manifest, source }) => [manifest, source])).toEqual([
      [{ kind: 'A' }, { file: 'x.yaml', line: 2 }],
      [{ kind: 'B' }, { file: 'x.yaml', line: 7 }],
    ]);
  });

  it('finds the line of a pointer, or of its deepest part that is there', () => {
    const text = [
      'kind: A',
      'metadata:',
      '  annotations:',
      '    a/b: x',
      'spec:',
      '  fields:',
      '    - name: a',
      '    - name: b',
      '      type: string',
      '  inline: [{ name: c }]',
    ].join('\n');
    const [read] = readManifests(text, 'x.yaml').manifests;
    const lines = ['', '/metadata/annotations/a~1b', '/spec/fields/1', '/spec/fields/1/type']
      .concat(['/spec/fields/1/absent', '/spec/fields/7', '/spec/inline/0/name', '/absent'])
      .map((pointer) => read?.lineOf(pointer));
    expect(lines).toEqual([1, 4, 8, 9, 8, 6, 10, 1]);
  });

  it('reports a key that is there twice, and reads the other documents', () => {
    const text = ['kind: A', 'spec:', '  a: 1', '  b: 2', '  a: 3', '---', 'kind: B'].join('\n');
    const { manifests, syntaxErrors } = readManifests(text, 'x.yaml');
    expect(syntaxErrors).toEqual([
      { file: 'x.yaml', line: 5, column: 3, message: 'the key "a" is there twice' },
    ]);
    expect(manifests.map(({ manifest }) => manifest)).toEqual([{ kind: 'B' }]);
  });

  it.each([
    ['a tab', 'a:\n\tb: 1', 2],
    ['an unclosed quote', 'a: 1\nb: "x\nc: 2', 3],
    ['an unknown tag', 'a: 1\nb: !!js/function x', 2],
    ['a key that is a list', 'a: 1\n? [x]\n: y', 2],
    ['an alias of nothing', 'a: *nothing', 1],
  ])('reports %s with its line', (_, text, line) => {
    const { manifests, syntaxErrors } = readManifests(text, 'x.yaml');
    expect(manifests).toEqual([]);
    expect(syntaxErrors[0]).toMatchObject({ file: 'x.yaml', line });
  });

  it('resolves aliases but refuses a file that grows without end', () => {
    const { manifests } = readManifests('a: &x { b: 1 }\nc: *x\n', 'x.yaml');
    expect(manifests[0]?.manifest).toEqual({ a: { b: 1 }, c: { b: 1 } });

    const rows = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair])) {
      rows.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(',')}]`);
    }
    const laughs = readManifests(rows.join('\n'), 'x.yaml');
    expect(laughs.manifests).toEqual([]);
    expect(laughs.syntaxErrors[0]?.message).toMatch(/^aliases: /);
  });

  it('refuses files that are too large or too deep', () => {
    const large = readManifests(`a: ${'x'.repeat(manifestBytesMax)}`, 'x.yaml');
    expect(large.syntaxErrors[0]?.message).toMatch(/larger than/);
    const deep = readManifests(`a: ${'['.repeat(20_000)}`, 'x.yaml');
    expect(deep.manifests).toEqual([]);
    expect(deep.syntaxErrors.length).toBeGreaterThan(0);
  });

  it('reads a map of many keys in time that grows with their number', () => {
    const text = Array.from({ length: 50_000 }, (_, index) => `k${index}: ${index}`).join('\n');
    expect(
      Object.keys(readManifests(text, 'x.yaml').manifests[0]?.manifest as object),
    ).toHaveLength(50_000);
  });
});
