import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../src/contract/kinds.ts';
import { admit } from '../../../src/resources/admission/admit.ts';
import { createAdmissionView } from '../../../src/resources/admission/view.ts';
import { readManifests } from '../../../src/resources/manifest-reader.ts';
import { validateManifest } from '../../../src/resources/manifest-validator.ts';

const folder = fileURLToPath(new URL('../../../samples/', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort();

function resourcesOf(file: string): Resource[] {
  const { manifests, syntaxErrors } = readManifests(readFileSync(join(folder, file), 'utf8'), file);
  expect(syntaxErrors).toEqual([]);
  return manifests.map(({ manifest }) => {
    const result = validateManifest(manifest);
    if ('problems' in result) throw new Error(`${file}: ${JSON.stringify(result.problems)}`);
    return result.resource;
  });
}

describe('samples', () => {
  const candidates = files.flatMap(resourcesOf);
  const view = createAdmissionView({ stored: [], candidates });

  it.each(files)('%s is admitted', (file) => {
    const resources = resourcesOf(file);
    expect(resources.length).toBeGreaterThan(0);
    for (const resource of resources) expect(admit(resource, view).problems).toEqual([]);
  });
});
