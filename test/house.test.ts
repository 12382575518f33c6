import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noDeadExports, noDeadFiles } from './house/dead-code.ts';
import {
  importRanks,
  onlyConfigReadsEnvironment,
  onlyStoreImportsPg,
  pureFolders,
} from './house/import-ranks.ts';
import {
  fileSizes,
  forbiddenNames,
  kebabCaseNames,
  noBarrels,
  noDefaultExports,
  noInlineTypeSpecifiers,
} from './house/shape.ts';
import type { Rule } from './house/source.ts';
import { blank, importsOf, readSources } from './house/source.ts';

const root = join(import.meta.dirname, '..');
const ours = readSources(root);

/** Each rule with its planted tree under fixtures/house and exactly what it must find there. */
const house: readonly [name: string, rule: Rule, planted: readonly string[]][] = [
  [
    'import-ranks',
    importRanks,
    [
      'src/activities/calls-the-api.ts:1',
      'src/auth/asks-audit.ts:1',
      'src/cli/reads-records.ts:1',
      'src/contract/knows-config.ts:1',
      'src/process/worker.ts:2',
      'src/query/opens-the-store.ts:1',
      'src/query/opens-the-store.ts:4',
      'src/records/takes-a-test.ts:1',
      'src/store/unranked.ts:1',
      'src/workflows/loads-activities.ts:1',
      'src/workflows/loads-activities.ts:2',
    ],
  ],
  ['only-store-imports-pg', onlyStoreImportsPg, ['src/records/opens-a-pool.ts:1']],
  [
    'only-config-reads-environment',
    onlyConfigReadsEnvironment,
    ['src/api/reads-port.ts:3', 'src/api/takes-env.ts:1'],
  ],
  [
    'pure-folders',
    pureFolders,
    [
      'src/cel/loads-hooks.ts:2',
      'src/operator/decide-now.ts:2',
      'src/query/random.ts:1',
      'src/query/random.ts:5',
      'src/schema/reads-files.ts:1',
      'src/schema/reads-files.ts:4',
    ],
  ],
  ['file-sizes', fileSizes, ['src/query/long.ts:400']],
  ['no-default-exports', noDefaultExports, ['src/api/app.ts:1', 'src/api/app.ts:4']],
  [
    'no-barrels',
    noBarrels,
    ['src/query/everything.ts:1', 'src/query/index.ts:1', 'src/query/index.ts:1'],
  ],
  ['forbidden-names', forbiddenNames, ['src/query/string-utils.ts:1', 'src/store/lib/pool.ts:1']],
  ['kebab-case-names', kebabCaseNames, ['src/query/planQuery.ts:1', 'test/Query/plan.test.ts:1']],
  ['no-inline-type-specifiers', noInlineTypeSpecifiers, ['src/api/app.ts:1', 'src/api/app.ts:2']],
  ['no-dead-files', noDeadFiles, ['src/query/forgotten.ts:1']],
  ['no-dead-exports', noDeadExports, ['src/query/plan.ts:5', 'src/query/plan.ts:9']],
];

describe('house', () => {
  it.each(house)('%s holds in this tree', (_name, rule) => {
    const found = rule(ours).map(({ path, line, message }) => `${path}:${line} ${message}`);
    expect(found).toEqual([]);
  });

  it.each(house)('%s finds what is planted, and nothing else', (name, rule, planted) => {
    const found = rule(readSources(join(root, 'test/fixtures/house', name)));
    expect(found.map(({ path, line }) => `${path}:${line}`).sort()).toEqual(planted);
  });

  it('looks at every file of the tree', () => {
    expect(ours.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['src/main.ts', 'src/errors.ts', 'test/house.test.ts']),
    );
  });
});

describe('house › reading source', () => {
  it('tells code from comments, strings, templates and patterns', () => {
    const text = "a('x//y'); // gone\nb(`s @{c({ d: 'e' })} t`); /* g */ f(/'[/]/g, 1 / 2);";
    const code = "a('    ');        \nb(`  @{c({ d: ' ' })}  `);         f(      g, 1 / 2);";
    expect(blank(text.replace('@', '$'), { strings: true })).toBe(code.replace('@', '$'));
  });

  it('finds imports over several lines, type imports and dynamic ones', () => {
    const text = [
      "import type { A } from './a.ts';",
      'import {\n  b,\n  c as d,\n} from "./ignored.ts";'.replaceAll('"', "'"),
      "// import { no } from './comment.ts';",
      "const load = () => import('./e.ts');",
    ].join('\n');
    expect(importsOf({ path: 'src/x.ts', text })).toMatchObject([
      { specifier: './a.ts', typeOnly: true, names: ['A'], line: 1 },
      { specifier: './ignored.ts', typeOnly: false, names: ['b', 'c'], line: 2 },
      { specifier: './e.ts', names: '*', line: 7 },
    ]);
  });
});
