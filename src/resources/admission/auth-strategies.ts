import type { AuthStrategy } from '../../contract/kinds.ts';
import { durationMs } from '../../schema/duration.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

/** What a type of strategy cannot do without. */
const needed = { jwt: 'issuers', oidc: 'oidc', composite: 'children' } as const;

export function* authStrategyConfig({ spec }: AuthStrategy): Iterable<Finding> {
  if (!(spec.type in needed)) return;
  const member = needed[spec.type as keyof typeof needed];
  const value = spec.config[member];
  if (value !== undefined && !(Array.isArray(value) && value.length === 0)) return;
  const message = `A strategy of type ${spec.type} needs config.${member}.`;
  yield refuse(at('spec', 'type'), 'auth-config', message, `Add config.${member}.`);
}

/** Children are tried in order; one that leads back to its parent would be tried for ever. */
export function* authStrategyChildren(
  strategy: AuthStrategy,
  view: AdmissionView,
): Iterable<Finding> {
  for (const [i, child] of (strategy.spec.config.children ?? []).entries()) {
    if (!leadsTo(child, strategy, view)) continue;
    const message = `Child "${child.name}" leads back to "${strategy.metadata.name}".`;
    const hint = 'Let a composite strategy name only strategies that do not contain it.';
    yield refuse(at('spec', 'config', 'children', i, 'name'), 'auth-cycle', message, hint);
  }
}

function leadsTo(
  start: { readonly name: string; readonly namespace: string },
  goal: AuthStrategy,
  view: AdmissionView,
): boolean {
  const seen = new Set<string>();
  const open = [start];
  // Ends: every strategy is looked at once.
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.name === goal.metadata.name && next.namespace === goal.metadata.namespace) return true;
    const key = `${next.namespace}/${next.name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(
      ...(view.find('AuthStrategy', next.namespace, next.name)?.spec.config.children ?? []),
    );
  }
  return false;
}

/** Clocks that are further apart than this are to be mended, not tolerated. */
const clockSkewMaxMs = 300_000;

export function* authStrategyDurations({ spec }: AuthStrategy): Iterable<Finding> {
  const { clockSkew } = spec.config;
  if (clockSkew === undefined || (durationMs(clockSkew) ?? 0) <= clockSkewMaxMs) return;
  const message = `A clock skew of ${clockSkew} would accept tokens long after they have expired.`;
  yield refuse(
    at('spec', 'config', 'clockSkew'),
    'auth-clock-skew',
    message,
    'At most 5m; 30s if left out.',
  );
}

export function* authStrategySupport({ metadata, spec }: AuthStrategy): Iterable<Finding> {
  const name = `AuthStrategy "${metadata.name}"`;
  if (spec.type === 'none') {
    yield warn(
      `${name} lets callers in without credentials, where VELOCITY_AUTH_ALLOW_NONE=on: for development.`,
    );
  }
}
