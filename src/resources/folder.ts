import { VelocityError } from '../errors.ts';
import type { FileProblem, ReadFolderFile } from './folder-files.ts';
import { findManifestFiles, readFolderFile } from './folder-files.ts';
import type { ReadManifest } from './manifest-reader.ts';
import type { ApplyResult, ManifestSetProblem, ResourceKey, ResourceStore } from './store.ts';

export interface FolderReport {
  readonly applied: readonly AppliedManifest[];
  readonly problems: readonly FileProblem[];
  readonly warnings: readonly string[];
}

export interface AppliedManifest {
  readonly key: ResourceKey;
  readonly outcome: ApplyResult['outcome'];
  readonly file: string;
  /** Of its spec, for what is refused only when it is reconciled. */
  readonly line: number;
}

export interface FolderOptions {
  readonly dir: string;
  readonly store: ResourceStore;
}

/** Recorded with what the folder changes. */
const actor = 'manifest folder';

/** Applies every manifest below a folder; files with problems are kept out, the others applied. */
export async function applyFolder(options: FolderOptions): Promise<FolderReport> {
  return applyFiles(options, await findManifestFiles(options.dir));
}

/**
 * Applies files as one set, so that they may refer to each other. When the set is refused, the files
 * that are to blame are left out and the rest is tried again, which ends: each round has fewer files.
 * A file is applied whole or not at all. Files that are gone are passed over.
 */
export async function applyFiles(
  { dir, store }: FolderOptions,
  files: readonly string[],
): Promise<FolderReport> {
  const problems: FileProblem[] = [];
  const warnings: string[] = [];
  let accepted: ReadFolderFile[] = [];
  for (const file of files) {
    const read = await readFolderFile(dir, file);
    if (read === undefined) continue;
    problems.push(...read.problems);
    if (read.skipped) warnings.push(`${file} holds no resource and is passed over.`);
    if (read.problems.length === 0) accepted.push(read);
  }
  for (;;) {
    const set = accepted.flatMap(({ file, manifests }) =>
      manifests.map((manifest) => ({ file, ...manifest })),
    );
    const outcome = await applySet(store, set);
    if ('applied' in outcome) {
      warnings.push(...outcome.warnings);
      return { applied: outcome.applied, problems, warnings };
    }
    problems.push(...outcome.problems);
    const refused = new Set(outcome.problems.map(({ file }) => file));
    accepted = accepted.filter(({ file }) => !refused.has(file));
  }
}

type FileManifest = ReadManifest & { readonly file: string };

type SetOutcome =
  | { readonly applied: readonly AppliedManifest[]; readonly warnings: readonly string[] }
  | { readonly problems: readonly FileProblem[] };

async function applySet(store: ResourceStore, set: readonly FileManifest[]): Promise<SetOutcome> {
  let results: ApplyResult[];
  try {
    const manifests = set.map(({ manifest }) => withoutVersion(manifest));
    results = manifests.length === 0 ? [] : await store.apply(manifests, { actor });
  } catch (error) {
    const problems = locateProblems(error, set);
    if (problems === undefined) throw error;
    return { problems };
  }
  return {
    applied: results.map(({ resource: { kind, metadata }, outcome }, i) => ({
      key: { kind, namespace: metadata.namespace, name: metadata.name },
      outcome,
      file: set[i]!.file,
      line: set[i]!.lineOf('/spec'),
    })),
    warnings: results.flatMap((result, i) =>
      result.warnings.map((warning) => `${set[i]!.file}: ${warning}`),
    ),
  };
}

/** Undefined for any other error than a refused set: the database being away, for example. */
function locateProblems(error: unknown, set: readonly FileManifest[]): FileProblem[] | undefined {
  if (!(error instanceof VelocityError) || error.code !== 'VALIDATION_ERROR') return undefined;
  const problems = error.details?.['problems'] as readonly ManifestSetProblem[] | undefined;
  return problems?.map(({ manifest, resource, pointer, message, hint }) => {
    const { file, lineOf } = set[manifest]!;
    return {
      file,
      line: lineOf(pointer),
      message: `${resource}: ${pointer === '' ? '' : `${pointer} `}${message}`,
      ...(hint !== undefined && { hint }),
    };
  });
}

/** The folder is what is wanted, whatever was stored when a file was exported from the store. */
function withoutVersion(manifest: unknown): unknown {
  if (typeof manifest !== 'object' || manifest === null || !('metadata' in manifest))
    return manifest;
  const { metadata } = manifest;
  if (typeof metadata !== 'object' || metadata === null) return manifest;
  const { resourceVersion: _, ...rest } = metadata as Record<string, unknown>;
  return { ...manifest, metadata: rest };
}
