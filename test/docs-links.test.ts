import { existsSync, readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const relativeLink = /\]\((?!https?:|mailto:|#)([^)#\s]+)/g;

describe('docs', () => {
  it('lead somewhere with every relative link', async () => {
    const broken: string[] = [];
    for await (const page of glob(['*.md', 'docs/**/*.md', 'samples/**/*.md'], { cwd: root })) {
      for (const [, target = ''] of readFileSync(join(root, page), 'utf8').matchAll(relativeLink)) {
        if (!existsSync(join(root, dirname(page), target))) broken.push(`${page} → ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('has every decision in the index', async () => {
    const index = readFileSync(join(root, 'docs/decisions/README.md'), 'utf8');
    const unlisted: string[] = [];
    for await (const page of glob('[0-9]*.md', { cwd: join(root, 'docs/decisions') })) {
      if (!index.includes(`](${page})`)) unlisted.push(page);
    }
    expect(unlisted).toEqual([]);
  });
});
