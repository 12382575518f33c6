import type { Import, Rule, Source, Violation } from './source.ts';
import { findInCode, importsOf, packageOf, resolveImport } from './source.ts';

/** Imports go downwards only: from a later line to an earlier one. */
const ranks: readonly (readonly string[])[] = [
  ['contract', 'errors'],
  ['config', 'observe'],
  ['cel'],
  ['schema'],
  ['query'],
  ['store', 'objects'],
  ['resources'],
  ['auth', 'audit', 'history', 'search', 'archive', 'keys', 'webhooks'],
  ['records'],
  ['activities', 'operator', 'api'],
  ['process'],
  ['main'],
];
/** The foundation may lean on itself; Biome refuses a cycle there as anywhere. */
const friendly = [new Set(ranks[0]), new Set(ranks[1])];

/** The command line talks HTTP: besides the contract it takes only what is pure. */
const cliMay = new Set(['cli', 'contract', 'errors', 'config', 'cel', 'schema', 'query']);
/** Files above the pure folders that touch nothing either: what `velocity schema validate` runs. */
const cliMayAlso = /^src\/resources\/(admission|manifest|kind-schemas)[^/]*(\/[^/]+)?\.ts$/;

/** Workflow code is replayed: everything it loads has to give the same answer years later. */
const workflowsMay = new Set(['workflows', 'contract', 'schema']);
const workflowPackages = new Set(['@temporalio/workflow']);

/** `src/schema/diff.ts` → schema, `src/errors.ts` → errors. */
export function moduleOf(path: string): string | undefined {
  return /^src\/([^/]+?)(?:\.ts$|\/)/.exec(path)?.[1];
}

export const importRanks: Rule = (files) =>
  inSource(files, (file, found) => {
    const from = moduleOf(file.path);
    const target = resolveImport(file, found.specifier);
    if (from === undefined) return undefined;
    if (target === undefined) {
      const name = packageOf(found.specifier);
      const refused =
        from === 'workflows' &&
        name !== undefined &&
        !workflowPackages.has(name) &&
        !found.typeOnly;
      return refused ? `workflows may load @temporalio/workflow, not ${name}` : undefined;
    }
    const to = moduleOf(target);
    if (to === undefined) return `src imports only from src, not ${target}`;
    return from === to ? undefined : refusalOf(from, to, target, found);
  });

function refusalOf(from: string, to: string, target: string, found: Import): string | undefined {
  if (from === 'cli') {
    const allowed = cliMay.has(to) || cliMayAlso.test(target);
    return allowed ? undefined : `cli talks HTTP and may not import ${to}`;
  }
  if (from === 'workflows') {
    const allowed = workflowsMay.has(to) || (to === 'activities' && found.typeOnly);
    return allowed ? undefined : `workflows may not import ${to} (activities: types only)`;
  }
  if (to === 'workflows') {
    const allowed = from === 'process' && found.typeOnly;
    return allowed ? undefined : 'the worker bundles workflows; nothing imports more than a type';
  }
  if (to === 'cli') return from === 'main' ? undefined : 'nothing but main imports the cli';

  const fromRank = rankOf(from);
  const toRank = rankOf(to);
  if (fromRank === -1) return `${from} has no rank: add it to the house rules and to the map`;
  if (toRank === -1) return `${to} has no rank: add it to the house rules and to the map`;
  if (toRank < fromRank) return undefined;
  if (friendly.some((set) => set.has(from) && set.has(to))) return undefined;
  return toRank === fromRank
    ? `${from} and ${to} stand side by side and never import each other`
    : `${from} may not import ${to}: imports go downwards only`;
}

function rankOf(module: string): number {
  return ranks.findIndex((rank) => rank.includes(module));
}

export const onlyStoreImportsPg: Rule = (files) =>
  inSource(files, (file, found) =>
    /^pg(-.+)?$/.test(packageOf(found.specifier) ?? '') && moduleOf(file.path) !== 'store'
      ? 'only src/store imports pg'
      : undefined,
  );

export const onlyConfigReadsEnvironment: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/') && path !== 'src/config.ts')
    .flatMap((file) =>
      [
        ...findInCode(file, /\bprocess\s*(\?\.|\.)\s*env\b/g).map(({ line }) => line),
        ...importsOf(file)
          .filter(({ specifier, names }) => specifier === 'node:process' && names.includes('env'))
          .map(({ line }) => line),
      ].map((line) => ({ path: file.path, line, message: 'only src/config.ts reads process.env' })),
    );

/** A pure folder asks nobody: no clock, no randomness, no disk, no network, no database. */
const pure = /^src\/(cel|schema|query)\/|^src\/operator\/decide[^/]*\.ts$/;
const pureNodeModules = new Set(['node:buffer', 'node:assert', 'node:assert/strict']);
/** What of a module answers the same every time; the rest of it does not. */
const pureNames = new Map([
  ['node:crypto', new Set(['createHash', 'createHmac', 'hash', 'timingSafeEqual', 'Hash', 'Hmac'])],
  // Loads a large library with its first use; what that library computes is as pure as if imported.
  ['node:module', new Set(['createRequire'])],
]);
const effects =
  /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(\s*\)|\bMath\.random\b|\bperformance\.|\bprocess\.|\bfetch\(|\bset(Timeout|Interval|Immediate)\(|\bcrypto\.(randomUUID|getRandomValues)\b|\bconsole\./g;

export const pureFolders: Rule = (files) =>
  files
    .filter(({ path }) => pure.test(path))
    .flatMap((file): Violation[] => [
      ...findInCode(file, effects).map(({ line, match }) => ({
        path: file.path,
        line,
        message: `${match} has no place in pure code: let the caller pass it in`,
      })),
      ...importsOf(file)
        .filter((found) => !found.typeOnly && isImpure(found))
        .map(({ line, specifier }) => ({
          path: file.path,
          line,
          message: `pure code may not use ${specifier}`,
        })),
    ]);

function isImpure({ specifier, names }: Import): boolean {
  if (!specifier.startsWith('node:')) return false;
  const allowed = pureNames.get(specifier);
  if (allowed === undefined) return !pureNodeModules.has(specifier);
  return names === '*' || names.some((name) => !allowed.has(name));
}

function inSource(
  files: readonly Source[],
  check: (file: Source, found: Import) => string | undefined,
): Violation[] {
  return files
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap((file) =>
      importsOf(file).flatMap((found) => {
        const message = check(file, found);
        return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
      }),
    );
}
