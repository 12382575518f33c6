import { describe, expect, it } from 'vitest';
import type { Field, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { Lineage } from '../../../src/history/field-lineage.ts';
import { followBack, followForward } from '../../../src/history/field-lineage.ts';

const text = (name: string, more: Partial<Field> = {}): Field => ({
  name,
  type: 'string',
  ...more,
});

function lineageOf(...revisions: Field[][]): Lineage {
  return {
    revisions: revisions.map((fields, place) => ({
      revision: place + 1,
      spec: { fields } as unknown as SchemaDefinitionSpec,
    })),
    moved: [],
  };
}

const columns = (lineage: Lineage, name: string) =>
  followBack(lineage, name).map(({ untilRevision, source }) => [
    untilRevision,
    source?.field.name,
    source?.column,
  ]);

describe('the lineage of a field', () => {
  it('follows renames back to where it began, as one stretch for each source', () => {
    const lineage = lineageOf(
      [text('other')],
      [text('other'), text('a')],
      [text('other'), text('b', { renamedFrom: 'a' })],
      // A rename that has happened is only remembered.
      [text('other'), text('b', { renamedFrom: 'a' })],
    );
    // A renamed column takes its past along.
    const moved = [{ field: 'a', untilRevision: 2, historyColumn: 'b' }];
    expect(columns({ ...lineage, moved }, 'b')).toEqual([
      [1, undefined, undefined],
      [4, 'b', 'b'],
    ]);
    expect(columns(lineage, 'other')).toEqual([[4, 'other', 'other']]);
  });

  it('does not take one field for another that has its name now', () => {
    const lineage = lineageOf([text('a')], [text('b')], [text('b'), text('a')]);
    const moved = [{ field: 'a', untilRevision: 1, historyColumn: '_a_r1' }];
    expect(columns({ ...lineage, moved }, 'a')).toEqual([
      [2, undefined, undefined],
      [3, 'a', 'a'],
    ]);
  });

  it('keeps two fields apart that exchange their names', () => {
    const lineage = lineageOf(
      [text('a'), text('b')],
      [text('c', { renamedFrom: 'a' }), text('b')],
      [text('c'), text('a', { renamedFrom: 'b' })],
      [text('b', { renamedFrom: 'c' }), text('a')],
    );
    expect(followForward(lineage, 'a', 1)).toMatchObject({ serves: true, field: { name: 'b' } });
    expect(followForward(lineage, 'b', 1)).toMatchObject({ serves: true, field: { name: 'a' } });
    expect(columns(lineage, 'b').at(0)).toEqual([1, 'a', 'a']);
  });

  it('begins a stretch where the type changes, from the column that was put aside', () => {
    const lineage = lineageOf([text('n')], [{ name: 'n', type: 'integer' }]);
    const moved = [{ field: 'n', untilRevision: 1, historyColumn: '_n_r1' }];
    expect(columns({ ...lineage, moved }, 'n')).toEqual([
      [1, 'n', '_n_r1'],
      [2, 'n', 'n'],
    ]);
  });

  it('says of a dropped field what the last revision said that had it', () => {
    const lineage = lineageOf(
      [text('a')],
      [text('b', { renamedFrom: 'a', access: { read: ['auditor'] } })],
      [text('c')],
    );
    expect(followForward(lineage, 'a', 1)).toEqual({
      serves: false,
      field: text('b', { renamedFrom: 'a', access: { read: ['auditor'] } }),
    });
    expect(followForward(lineage, 'x', 1)).toBeUndefined();
  });
});
