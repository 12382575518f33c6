import { evaluateExpression, newEvaluationTime } from '../../src/auth/evaluate-expression.ts';
import { createTokenFunction } from '../../src/auth/jwt/authenticate-token.ts';
import { createKeySets } from '../../src/auth/jwt/key-sets.ts';
import type { Identity } from '../../src/contract/identity.ts';
import type { AuthStrategySpec, Field } from '../../src/contract/kinds.ts';
import { openOutbound } from '../../src/resources/outbound/outbound.ts';
import type { RegistrySnapshot, StrategyEntry } from '../../src/resources/registry/snapshot.ts';
import { columnType } from '../../src/schema/column-type.ts';
import { compilePolicies } from '../../src/schema/policy.ts';
import { namespace, organisation } from '../fixture/manifests.ts';
import { newOrder } from '../fixture/order.ts';
import { median } from '../statistics.ts';
import { audience, claims, guardedManifests, guardedPath, policies } from './manifests.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** Medians, in microseconds. */
export interface StepFigures {
  readonly evaluation: number;
  readonly freshToken: number;
  readonly knownToken: number;
}

const batches = 40;

/** The steps that a guarded request has and a bare one has not, each by itself. */
export async function measureSteps(issuer: TokenIssuer): Promise<StepFigures> {
  const manifests = guardedManifests(issuer.issuer, issuer.jwksUrl);
  return {
    evaluation: await measureEvaluation(manifests),
    ...(await measureTokens(issuer, manifests)),
  };
}

type Manifest = { readonly kind: string; readonly spec: Record<string, unknown> };

function specOf(manifests: readonly object[], kind: string): unknown {
  return (manifests as readonly Manifest[]).find((one) => one.kind === kind)?.spec;
}

/** As a write has it: the condition over a record of the request and over who asks. */
async function measureEvaluation(manifests: readonly object[]): Promise<number> {
  const { fields } = specOf(manifests, 'SchemaDefinition') as { fields: Field[] };
  const access = { policies: policies.map((policy) => ({ ...policy })) };
  const [, policy] = compilePolicies(guardedPath, { access, fields }, (field) =>
    columnType(field, undefined),
  );
  if (policy?.cel === undefined) throw new Error('the policy of the bench is not CEL');
  const { cel } = policy;
  const records = Array.from({ length: 100 }, (_, n) => newOrder(n));
  const actor = { id: claims.sub, type: 'user', organisation, roles: ['clerk'] };
  let passed = 0;
  const us = await medianUs(20_000, (n) => {
    const self = { ...records[n % records.length] };
    const bindings = { self, actor, 'actor.attributes': {}, request: {} };
    if (evaluateExpression(cel, bindings, newEvaluationTime()) === true) passed++;
  });
  if (passed === 0) throw new Error('the policy of the bench never holds');
  return us;
}

async function measureTokens(
  issuer: TokenIssuer,
  manifests: readonly object[],
): Promise<Omit<StepFigures, 'evaluation'>> {
  const outbound = openOutbound({ allowed: ['127.0.0.1'] });
  try {
    const keySets = createKeySets({ outbound, observe: () => {}, now: () => performance.now() });
    const authenticate = createTokenFunction(keySets);
    const entry: StrategyEntry = {
      ...{ ref: `${namespace}/tokens`, namespace, name: 'tokens', organisation },
      spec: specOf(manifests, 'AuthStrategy') as AuthStrategySpec,
    };
    const snapshot = { strategies: new Map([[entry.ref, entry]]) } as unknown as RegistrySnapshot;
    const check = (identity: unknown): void => {
      if ((identity as Identity).actor !== claims.sub) throw new Error('the token is not believed');
    };
    // What is known is answered at once: a promise would cost what is measured here.
    const ask = (token: string): void | Promise<void> => {
      const context = { snapshot, nowMs: Date.now() };
      const credentials = { authorization: `Bearer ${token}`, method: 'GET', remoteAddress: '::1' };
      const identity = authenticate(credentials, entry, context);
      return identity instanceof Promise ? identity.then(check) : check(identity);
    };
    const fresh: string[] = [];
    for (let n = 0; n < (batches + 1) * 50; n++) fresh.push(await issuer.sign(claims, audience));
    const freshToken = await medianUs(50, (n) => ask(fresh[n] ?? ''));
    const known = fresh[0] ?? '';
    const knownToken = await medianUs(2_000, () => ask(known));
    return { freshToken, knownToken };
  } finally {
    await outbound.close();
  }
}

/** Of one call: the median over batches, the first of which is left out. */
async function medianUs(each: number, call: (n: number) => unknown): Promise<number> {
  const taken: number[] = [];
  let n = 0;
  for (let batch = 0; batch <= batches; batch++) {
    const startedAt = performance.now();
    for (let i = 0; i < each; i++) {
      const pending = call(n++);
      if (pending instanceof Promise) await pending;
    }
    if (batch > 0) taken.push(((performance.now() - startedAt) * 1_000) / each);
  }
  return median(taken);
}
