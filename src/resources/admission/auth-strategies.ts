import type { AuthStrategy } from '../../contract/kinds.ts';
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

export function* authStrategySupport({ metadata, spec }: AuthStrategy): Iterable<Finding> {
  if (spec.type === 'apikey') return;
  yield warn(
    `AuthStrategy "${metadata.name}" is of type ${spec.type}; this release accepts API keys only.`,
  );
}
