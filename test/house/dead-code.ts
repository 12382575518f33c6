import type { Rule, Source } from './source.ts';
import { blank, importsOf, isGenerated, lineOf, resolveImport } from './source.ts';

/**
 * What starts by itself; the worker bundles the workflows from their door. Tests do not count: a
 * file that only its test loads is dead.
 */
const entryPoint = /^(src\/main\.ts|src\/workflows\/index\.ts|(bench|scripts)\/.+\.ts)$/;

/** A file is also reached by its path in a string, as a child process or a thread is. */
const pathInString = /['"`](\.{1,2}\/[\w./-]+\.ts)['"`]/g;

export const noDeadFiles: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const toVisit = files.filter(({ path }) => entryPoint.test(path));
  for (let file = toVisit.pop(); file !== undefined; file = toVisit.pop()) {
    if (reached.has(file.path)) continue;
    reached.add(file.path);
    for (const path of referencedPaths(file)) {
      const next = byPath.get(path);
      if (next !== undefined) toVisit.push(next);
    }
  }
  return files
    .filter(({ path }) => path.startsWith('src/') && !reached.has(path))
    .map(({ path }) => ({ path, line: 1, message: 'nothing that starts by itself leads here' }));
};

function referencedPaths(file: Source): string[] {
  const specifiers = importsOf(file).map(({ specifier }) => specifier);
  const strings = blank(file.text, { strings: false }).matchAll(pathInString);
  return [...specifiers, ...[...strings].map((found) => found[1] ?? '')].flatMap(
    (specifier) => resolveImport(file, specifier) ?? [],
  );
}

const declaration =
  /^export\s+(?:declare\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\*?|const|let|class|interface|type|enum)\s+([\w$]+)/gm;
const list = /^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm;

/** An export that neither another file nor its own uses. */
export const noDeadExports: Rule = (files) => {
  const imported = importedNames(files);
  return files
    .filter((file) => file.path.startsWith('src/') && !isGenerated(file))
    .flatMap((file) => {
      const used = imported.get(file.path);
      if (used?.has('*')) return [];
      const code = blank(file.text, { strings: true });
      return exportsOf(code)
        .filter(({ name }) => !used?.has(name) && occurrences(code, name) < 2)
        .map(({ name, line }) => ({ path: file.path, line, message: `nothing uses ${name}` }));
    });
};

function exportsOf(code: string): { name: string; line: number }[] {
  const declared = [...code.matchAll(declaration)].map((found) => ({
    name: found[1] ?? '',
    line: lineOf(code, found.index),
  }));
  const listed = [...code.matchAll(list)].flatMap((found) =>
    (found[1] ?? '')
      .split(',')
      .map(
        (name) =>
          name
            .trim()
            .split(/\s+as\s+/)
            .at(-1) ?? '',
      )
      .filter((name) => name !== '')
      .map((name) => ({ name, line: lineOf(code, found.index) })),
  );
  return [...declared, ...listed];
}

function occurrences(code: string, name: string): number {
  return [...code.matchAll(/[\w$]+/g)].filter(([word]) => word === name).length;
}

/** Path → the names that some other file takes from it. */
function importedNames(files: readonly Source[]): Map<string, Set<string>> {
  const imported = new Map<string, Set<string>>();
  for (const file of files) {
    for (const { specifier, names } of importsOf(file)) {
      const target = resolveImport(file, specifier);
      if (target === undefined) continue;
      const known = imported.get(target) ?? new Set();
      for (const name of names === '*' ? ['*'] : names) known.add(name);
      imported.set(target, known);
    }
  }
  return imported;
}
