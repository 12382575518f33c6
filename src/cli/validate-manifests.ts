import type { Resource } from '../contract/kinds.ts';
import { admit } from '../resources/admission/admit.ts';
import { createAdmissionView } from '../resources/admission/view.ts';
import type { ReadManifest } from '../resources/manifest-reader.ts';
import { validateManifest } from '../resources/manifest-validator.ts';

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly severity: 'error' | 'warning';
  readonly resource: string;
  readonly pointer?: string;
  readonly rule?: string;
  readonly message: string;
  readonly hint?: string;
}

/** The set as the store would take it, as far as that can be told without its neighbours. */
export function validateManifests(manifests: readonly ReadManifest[]): Finding[] {
  const findings: Finding[] = [];
  const sound: [ReadManifest, Resource][] = [];
  const seen = new Map<string, ReadManifest>();
  for (const manifest of manifests) {
    const result = validateManifest(manifest.manifest);
    if ('problems' in result) {
      findings.push(...result.problems.map((problem) => errorAt(manifest, problem)));
      continue;
    }
    const name = nameOf(result.resource);
    const first = seen.get(name);
    if (first !== undefined) {
      const message = `is there already, in ${first.source.file}:${first.source.line}`;
      findings.push(errorAt(manifest, { pointer: '/metadata/name', rule: 'duplicate', message }));
    }
    seen.set(name, manifest);
    sound.push([manifest, result.resource]);
  }
  const view = createAdmissionView({ stored: [], candidates: sound.map(([, one]) => one) });
  for (const [manifest, resource] of sound) {
    const { problems, warnings } = admit(resource, view);
    findings.push(...problems.map((problem) => errorAt(manifest, problem)));
    for (const message of warnings) {
      const { file, line } = manifest.source;
      findings.push({ file, line, severity: 'warning', resource: nameOf(resource), message });
    }
  }
  return findings;
}

type Found = Pick<Finding, 'message' | 'hint'> & Required<Pick<Finding, 'pointer' | 'rule'>>;

function errorAt(manifest: ReadManifest, problem: Found): Finding {
  return {
    file: manifest.source.file,
    line: manifest.lineOf(problem.pointer),
    severity: 'error',
    resource: nameOf(manifest.manifest),
    ...problem,
  };
}

function nameOf(manifest: unknown): string {
  const { kind, metadata } = (manifest ?? {}) as Partial<Resource>;
  return `${kind ?? '?'} ${metadata?.namespace ?? '?'}/${metadata?.name ?? '?'}`;
}
