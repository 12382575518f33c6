import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { attributeNames } from '../../../src/operator/search-attributes.ts';

it('temporal/ lists the search attributes that the operator registers', async () => {
  const file = new URL('../../../temporal/search-attributes.json', import.meta.url);
  const listed = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
  expect(listed).toEqual(Object.fromEntries(attributeNames.map((name) => [name, 'Keyword'])));
});
