import type { Document, Node } from 'yaml';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
} from 'yaml';

/** Largest file, in bytes: Kubernetes keeps no object beyond 1.5 MiB either. */
export const manifestBytesMax = 1_572_864;

/** Documents in one file; more belong in several files. */
export const documentsMax = 1_000;

/** How often aliases may be expanded: stops a "billion laughs" file. */
const aliasesMax = 100;

/** Errors told of one document: the first explain the rest. */
const errorsMax = 20;

export interface ReadManifest {
  readonly manifest: unknown;
  readonly source: { readonly file: string; readonly line: number };
  /** Line (from 1) of the deepest part of a JSON pointer that is there. */
  lineOf(pointer: string): number;
}

export interface ManifestSyntaxError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface ManifestFile {
  readonly manifests: readonly ReadManifest[];
  readonly syntaxErrors: readonly ManifestSyntaxError[];
}

/** Reads the YAML documents of a file. A document with an error is left out; the others are read. */
export function readManifests(text: string, file: string): ManifestFile {
  const failed = (message: string): ManifestFile => ({
    manifests: [],
    syntaxErrors: [{ file, line: 1, column: 1, message }],
  });
  if (Buffer.byteLength(text) > manifestBytesMax) {
    return failed(`the file is larger than ${manifestBytesMax} bytes: split it`);
  }

  const lines = new LineCounter();
  let documents: ReturnType<typeof parseAllDocuments>;
  try {
    documents = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      // Checked below: this option compares every pair of keys, 50 s for a map of 60,000.
      uniqueKeys: false,
      schema: 'core',
    });
  } catch (error) {
    // The parser descends by recursion; a file made of nothing but brackets ends its stack.
    if (error instanceof RangeError) return failed('the file is nested too deeply');
    throw error;
  }
  if (!Array.isArray(documents)) return { manifests: [], syntaxErrors: [] };
  if (documents.length > documentsMax) {
    return failed(`the file holds more than ${documentsMax} documents: split it`);
  }
  const manifests: ReadManifest[] = [];
  const syntaxErrors: ManifestSyntaxError[] = [];
  for (const document of documents as Document.Parsed[]) {
    const read = readDocument(document, file, lines);
    if (Array.isArray(read)) syntaxErrors.push(...read);
    else if (read !== undefined) manifests.push(read);
  }
  return { manifests, syntaxErrors };
}

/** The manifest, its errors, or undefined for a document that holds nothing but comments. */
function readDocument(
  document: Document.Parsed,
  file: string,
  lines: LineCounter,
): ReadManifest | ManifestSyntaxError[] | undefined {
  // Warnings are tags and directives that mean nothing here, never anything a manifest needs.
  const problems = [...document.errors, ...document.warnings, ...keyProblems(document)];
  if (problems.length > 0) {
    return problems.slice(0, errorsMax).map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
    });
  }
  if (document.contents === null || isEmptyScalar(document.contents)) return undefined;
  const line = lineOfNode(document.contents, lines) ?? 1;
  try {
    return {
      manifest: document.toJS({ maxAliasCount: aliasesMax }),
      source: { file, line },
      lineOf: (pointer) => lineOfPointer(document, pointer, lines) ?? line,
    };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return [{ file, line, column: 1, message: `aliases: ${error.message}` }];
  }
}

/** Keys that are there twice in one map, and keys that JSON does not have. */
function keyProblems(document: Document.Parsed): { pos: [number]; message: string }[] {
  const problems: { pos: [number]; message: string }[] = [];
  if (document.errors.length > 0) return problems;
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const pos: [number] = [(isNode(key) ? key.range?.[0] : undefined) ?? 0];
        if (!isScalar(key)) {
          problems.push({ pos, message: 'a key must be plain text' });
          continue;
        }
        const name = String(key.value);
        if (seen.has(name)) problems.push({ pos, message: `the key "${name}" is there twice` });
        seen.add(name);
      }
    },
  });
  return problems;
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function lineOfPointer(
  document: Document.Parsed,
  pointer: string,
  lines: LineCounter,
): number | undefined {
  let node: unknown = document.contents;
  let line = lineOfNode(node, lines);
  for (const part of pointer.split('/').slice(1)) {
    const segment = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined) return line;
      line = lineOfNode(pair.key, lines) ?? line;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)];
      if (item === undefined) return line;
      line = lineOfNode(item, lines) ?? line;
      node = item;
    } else return line;
  }
  return line;
}

function lineOfNode(node: unknown, lines: LineCounter): number | undefined {
  const range = isNode(node) ? (node as Node).range : undefined;
  return range === undefined || range === null ? undefined : lines.linePos(range[0]).line;
}
