import type { Kind } from '../contract/kinds.ts';
import { kinds } from '../contract/kinds.ts';
import { usageFailure } from './failures.ts';

/** `SchemaDefinition`, `schemadefinitions`, `sd` … to the kind; case does not matter. */
export function parseKind(text: string): Kind {
  const wanted = text.toLowerCase();
  const found = kinds.find(
    ({ kind, plural, singular, shortNames }) =>
      kind.toLowerCase() === wanted ||
      plural === wanted ||
      singular === wanted ||
      (shortNames as readonly string[]).includes(wanted) ||
      alias[wanted] === kind,
  );
  if (found !== undefined) return found.kind;
  throw usageFailure(`"${text}" is not a kind of resource`, `Known: ${kindList()}.`);
}

/** What people say. */
const alias: Record<string, Kind> = {
  schema: 'SchemaDefinition',
  schemas: 'SchemaDefinition',
  org: 'Organisation',
  orgs: 'Organisation',
  app: 'Application',
  apps: 'Application',
  key: 'ApiKey',
  keys: 'ApiKey',
};

export function kindList(): string {
  return kinds.map(({ kind, shortNames }) => `${kind} (${shortNames[0]})`).join(', ');
}

export function kindWords(): string[] {
  return kinds.map(({ singular }) => singular);
}
