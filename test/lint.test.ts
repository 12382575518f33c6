import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Runs Biome with our rules over a planted folder, outside the tree where it is left out. */
function lint(fixture: string): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'velocity-lint-'));
  try {
    cpSync(join(root, 'test/fixtures/lint', fixture), folder, { recursive: true });
    const {
      $schema: _,
      files: __,
      ...rules
    } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ root: true, ...rules }));
    const run = spawnSync(join(root, 'node_modules/.bin/biome'), ['lint', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status: run.status, output: run.stdout + run.stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('lint', () => {
  it.each([
    ['floating-promise', 'lint/nursery/noFloatingPromises'],
    ['import-cycle', 'lint/suspicious/noImportCycles'],
    ['inline-type', 'lint/style/useImportType'],
    ['default-export', 'lint/style/noDefaultExport'],
  ])('refuses the planted %s', (fixture, rule) => {
    const { status, output } = lint(fixture);
    expect(output).toContain(rule);
    expect(status).not.toBe(0);
  });

  it('accepts code that awaits its promises and imports one way', () => {
    expect(lint('clean')).toMatchObject({ status: 0 });
  });
});
