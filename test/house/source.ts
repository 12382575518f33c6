import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** One file as the rules see it. `path` is relative to the tree's root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A rule is pure: the same files give the same violations, so that a planted tree can prove it. */
export type Rule = (files: readonly Source[]) => Violation[];

/** One `import`, `export … from` or `import()`. `names` is '*' where the whole module is taken. */
export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly reexport: boolean;
  readonly names: readonly string[] | '*';
  readonly clause: string;
  readonly line: number;
}

const folders = ['src', 'test', 'bench', 'scripts'];
const leftOut = new Set(['node_modules', 'fixtures', 'results', 'dist']);

/** Every TypeScript file of a tree that follows our layout. */
export function readSources(root: string): Source[] {
  return folders.flatMap((folder) => readFolder(root, folder));
}

function readFolder(root: string, folder: string): Source[] {
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(join(root, folder));
  } catch {
    return []; // a planted tree has only the folders its rule looks at
  }
  return entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return leftOut.has(entry.name) ? [] : readFolder(root, path);
    return path.endsWith('.ts') ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  });
}

function readEntries(folder: string) {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function isGenerated(file: Source): boolean {
  return /^\/\/ Generated (from|by)\b/.test(file.text);
}

export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
  }
  return line;
}

/** Every match of `pattern` in the file's code: comments never match, nor what stands in strings. */
export function findInCode(file: Source, pattern: RegExp): { line: number; match: string }[] {
  const code = blank(file.text, { strings: true });
  return [...code.matchAll(pattern)].map((found) => ({
    line: lineOf(code, found.index),
    match: found[0].trim(),
  }));
}

const staticImport = /^(import|export)\s+(type\s+)?([^'"();=]*?)\s*\bfrom\s+'([^']+)'/gm;
const bareImport = /^import\s+'([^']+)'/gm;
const dynamicImport = /\bimport\(\s*'([^']+)'\s*,?\s*\)/g;

/** The file's imports, in no particular order. */
export function importsOf(file: Source): Import[] {
  const code = blank(file.text, { strings: false });
  const imports: Import[] = [];
  for (const found of code.matchAll(staticImport)) {
    const [, keyword, type, clause = '', specifier = ''] = found;
    imports.push({
      specifier,
      typeOnly: type !== undefined,
      reexport: keyword === 'export',
      names: importedNames(clause),
      clause,
      line: lineOf(code, found.index),
    });
  }
  for (const pattern of [bareImport, dynamicImport]) {
    for (const found of code.matchAll(pattern)) {
      const typeOnly = /\btypeof\s+$/.test(code.slice(0, found.index));
      const line = lineOf(code, found.index);
      const specifier = found[1] ?? '';
      imports.push({ specifier, typeOnly, reexport: false, names: '*', clause: '', line });
    }
  }
  return imports;
}

function importedNames(clause: string): readonly string[] | '*' {
  if (clause.includes('*')) return '*';
  return clause
    .replaceAll(/[{}]/g, '')
    .split(',')
    .map((name) => name.trim().replace(/^type\s+/, ''))
    .filter((name) => name !== '')
    .map((name) => name.split(/\s+as\s+/)[0] ?? name);
}

/** Where a relative specifier leads, as a path of the tree; undefined for packages. */
export function resolveImport(from: Source, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from.path), specifier) : undefined;
}

/** Name of the package of a bare specifier: `@scope/name/deep` → `@scope/name`. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/**
 * The text with comments (and, where asked, the insides of strings) turned into blanks; line breaks
 * stay, so offsets and lines still hold. Code inside `${…}` of a template stays code.
 */
export function blank(text: string, options: { strings: boolean }): string {
  let out = '';
  let at = 0;
  const templates: number[] = []; // depth of braces in each `${` we are inside of
  const hide = (part: string) => part.replaceAll(/[^\n]/g, ' ');
  const take = (length: number, hidden: boolean) => {
    const part = text.slice(at, at + length);
    out += hidden ? hide(part) : part;
    at += length;
  };

  while (at < text.length) {
    const char = text[at];
    const depth = templates.at(-1);
    if (text.startsWith('//', at)) {
      take(lengthUntil(text, at, '\n'), true);
    } else if (text.startsWith('/*', at)) {
      take(lengthUntil(text, at, '*/') + 2, true);
    } else if (char === "'" || char === '"') {
      const length = quotedLength(text, at, char);
      take(1, false);
      take(length - 2, options.strings);
      take(1, false);
    } else if (char === '`' || (char === '}' && depth === 0)) {
      if (char === '}') templates.pop();
      take(1, false);
      const { length, opens } = templateLength(text, at);
      take(length, options.strings);
      take(opens ? 2 : 1, false);
      if (opens) templates.push(0);
    } else if (char === '/' && startsRegex(out)) {
      take(regexLength(text, at), true);
    } else {
      if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === '}') templates[templates.length - 1] = depth - 1;
      take(1, false);
    }
  }
  return out;
}

function lengthUntil(text: string, from: number, end: string): number {
  const found = text.indexOf(end, from);
  return (found === -1 ? text.length : found) - from;
}

function quotedLength(text: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  return at + 1 - from;
}

function templateLength(text: string, from: number): { length: number; opens: boolean } {
  let at = from;
  while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) {
    at += text[at] === '\\' ? 2 : 1;
  }
  return { length: at - from, opens: text[at] === '$' };
}

/** A slash divides after a value and opens a pattern after anything else. */
function startsRegex(before: string): boolean {
  const code = before.trimEnd();
  return /(^|[(,=:[!&|?{};+\-*%<>~^]|\b(return|typeof|case|of|in|await|yield))$/.test(
    code.slice(-12),
  );
}

function regexLength(text: string, from: number): number {
  let at = from + 1;
  let inClass = false;
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at + 1 - from;
}
