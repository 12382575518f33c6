import type { Identity } from '../contract/identity.ts';
import type { Operation } from '../contract/kinds.ts';
import type { RegistrySnapshot, StrategyEntry } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { invalidCredentials } from './credentials.ts';

type RecordOperation = Exclude<Operation, '*'>;

/** Strategies inside of one, itself included. Admission refuses cycles; this bounds what slipped by. */
const leavesMax = 64;

/** What the schema asks for this operation, `namespace/name`: an override, else its strategy. */
function strategyRefFor({ spec }: CompiledSchema, operation: RecordOperation): string {
  const override = spec.auth.overrides?.find(
    ({ operations }) => operations.includes(operation) || operations.includes('*'),
  );
  const { namespace, name } = (override ?? spec.auth).strategyRef;
  return `${namespace}/${name}`;
}

/**
 * The strategies, without composite ones, in the order in which they are asked for a request that may
 * do these operations. One that is not there, or of another organisation, accepts nobody.
 */
export function strategiesFor(
  schema: CompiledSchema,
  operations: readonly RecordOperation[],
  snapshot: RegistrySnapshot,
): readonly StrategyEntry[] {
  const leaves: StrategyEntry[] = [];
  for (const operation of operations) {
    for (const leaf of leavesOf(strategyRefFor(schema, operation), schema, snapshot)) {
      if (!leaves.includes(leaf)) leaves.push(leaf);
    }
  }
  return leaves;
}

function leavesOf(
  ref: string,
  { organisation }: CompiledSchema,
  { strategies }: RegistrySnapshot,
): StrategyEntry[] {
  const leaves: StrategyEntry[] = [];
  const seen = new Set<string>();
  const visit = (next: string): void => {
    const entry = strategies.get(next);
    if (entry === undefined || entry.organisation !== organisation) return;
    if (seen.has(next) || seen.size >= leavesMax) return;
    seen.add(next);
    if (entry.spec.type !== 'composite') leaves.push(entry);
    else
      for (const { namespace, name } of entry.spec.config.children ?? [])
        visit(`${namespace}/${name}`);
  };
  visit(ref);
  return leaves;
}

/**
 * Whether the strategy of this very operation would have been decided by how the caller was
 * authenticated: a bulk deletes under a create's credentials, an include reads another schema.
 */
export function acceptsIdentity(
  identity: Identity,
  schema: CompiledSchema,
  operation: RecordOperation,
  snapshot: RegistrySnapshot,
): boolean {
  if (identity.platformAdmin) return true;
  const { kind, issuer } = identity.credential;
  const deciding = leavesOf(strategyRefFor(schema, operation), schema, snapshot).find(
    ({ spec, ref }) => {
      if (kind === 'apikey' || kind === 'none') return spec.type === kind;
      if (kind === 'session') return spec.type === 'oidc' && ref === identity.strategy;
      const takesTokens = spec.type === 'jwt' || spec.type === 'oidc';
      return takesTokens && spec.config.issuers?.some((one) => one.issuer === issuer) === true;
    },
  );
  if (deciding === undefined) return false;
  return kind === 'apikey' || deciding.ref === identity.strategy;
}

/** Throws AUTH_INVALID_TOKEN where the operation asks for other credentials than the request's. */
export function requireStrategy(
  identity: Identity,
  schema: CompiledSchema,
  operation: RecordOperation,
  snapshot: RegistrySnapshot,
): void {
  // Without overrides every operation has the strategy that has authenticated the request.
  if (schema.spec.auth.overrides === undefined) return;
  if (acceptsIdentity(identity, schema, operation, snapshot)) return;
  throw invalidCredentials(
    `${operation} on ${schema.path} takes other credentials than this request was sent with.`,
    `Send it by itself, with credentials for ${strategyRefFor(schema, operation)}.`,
  );
}
