import { describe, expect, it } from 'vitest';
import { admit } from '../../../../src/resources/admission/admit.ts';
import { createAdmissionView } from '../../../../src/resources/admission/view.ts';
import { acme, schema } from './manifests.ts';

const title = { name: 'title', type: 'string', required: true } as const;
const size = { name: 'size', type: 'integer' } as const;
/** `v2` with this mapping, while this version of the schema is stored. */
function mapped(mapping: Record<string, string>, stored = 'v1') {
  const before = schema('order', { version: stored, fields: [title, size] });
  const lifecycle = { migrateFrom: { version: 'v1', mapping } };
  const fields = [{ ...title, name: 'subject' }, { name: 'total', type: 'integer' } as const];
  const after = schema('order', { version: 'v2', fields, lifecycle });
  const view = createAdmissionView({ stored: [...acme, before], candidates: [after] });
  const { problems, warnings } = admit(after, view);
  return {
    problems: problems
      .filter(({ rule }) => rule === 'mapping')
      .map(({ pointer, message }) => [pointer.split('/').at(-1), message]),
    warnings,
  };
}

describe('admission › versions', () => {
  it('types the mapping against the version before', () => {
    expect(mapped({ subject: 'self.title', total: 'self.size + 1' }).problems).toEqual([]);
    expect(mapped({ subject: 'self.size', total: 'self.titel' }).problems).toEqual([
      ['subject', expect.stringContaining('It gives a value of type int')],
      ['total', expect.stringContaining('titel')],
    ]);
  });

  it('refuses fields that are not there, whatever is stored', () => {
    for (const stored of ['v1', 'v2']) {
      expect(mapped({ subjekt: 'self.title' }, stored).problems).toEqual([
        ['subjekt', 'The mapping names "subjekt", which is no field of v2.'],
      ]);
    }
  });

  it('warns of what is left behind', () => {
    expect(mapped({ subject: 'self.title' }).warnings).toContain(
      'v2 takes nothing from "size" of v1.',
    );
  });
});
