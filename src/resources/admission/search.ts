import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse } from './finding.ts';
import { fieldsByName } from './schema-fields.ts';

export function* searchFields({ spec }: SchemaDefinition): Iterable<Finding> {
  const { tier, display, synonyms } = spec.search;
  if (tier !== 'Tier1' && !spec.fields.some(({ searchable }) => searchable === true)) {
    const message = `Search ${tier} has nothing to search: no field is searchable.`;
    const hint = 'Set searchable: true on at least one field, or use Tier1.';
    yield refuse(at('spec', 'search', 'tier'), 'search-fields', message, hint);
  }
  const fields = fieldsByName(spec);
  for (const member of ['titleField', 'subtitleField'] as const) {
    const name = display?.[member];
    if (name === undefined || fields.has(name)) continue;
    const hint = `Fields are ${quoted(spec.fields.map((field) => field.name))}.`;
    const message = `${member} "${name}" is not a field of this schema.`;
    yield refuse(at('spec', 'search', 'display', member), 'search-fields', message, hint);
  }
  const roots = new Map<string, number>();
  for (const [i, { root }] of (synonyms ?? []).entries()) {
    if (root === undefined) continue;
    const first = roots.get(root);
    if (first === undefined) {
      roots.set(root, i);
      continue;
    }
    const message = `Synonyms ${first} and ${i} have the same root "${root}".`;
    const pointer = at('spec', 'search', 'synonyms', i, 'root');
    yield refuse(pointer, 'duplicate-synonym', message, 'List the terms of a root once.');
  }
}
