import { age } from './output.ts';

interface DriftItemView {
  readonly kind: string;
  readonly name: string;
  readonly difference: 'missing' | 'unexpected' | 'changed';
  readonly summary: string;
  readonly expected?: string;
  readonly actual?: string;
}

export interface VersionDrift {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly revision: number;
  readonly items: readonly DriftItemView[];
  readonly since: string | null;
  readonly checkedAt: string;
}

export interface SchemaDrift {
  readonly drifted: boolean;
  readonly versions: readonly VersionDrift[];
}

/** One version's differences, as a diff says them. */
export function describeVersion(version: VersionDrift, now: number): string {
  const { namespace, name, revision, items, checkedAt } = version;
  const head = `${namespace}/${name} ${version.version}, revision ${revision}, compared ${age(checkedAt, now)} ago`;
  if (items.length === 0) return `${head}: nothing differs`;
  const count = `${items.length} difference${items.length === 1 ? '' : 's'}`;
  return [`${head}: ${count}`, ...items.flatMap(lines)].join('\n');
}

/** As a diff says it: what the schema has is taken away, what is there is new. */
function lines({ summary, expected, actual }: DriftItemView): string[] {
  return [
    `  ${summary}`,
    ...(expected === undefined ? [] : [`  - ${expected}`]),
    ...(actual === undefined ? [] : [`  + ${actual}`]),
  ];
}
