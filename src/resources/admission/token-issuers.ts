import type { AuthStrategy, ClaimMapping, TokenIssuer } from '../../contract/kinds.ts';
import { compileClaimMapping } from '../auth-strategies/claim-mapping.ts';
import { findAddressProblem } from '../outbound/outbound-address.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

/** Issuers of a strategy of type jwt or oidc: whose tokens, for whom, by which keys, and what they say. */
export function* tokenIssuers({ spec }: AuthStrategy, view: AdmissionView): Iterable<Finding> {
  if (spec.type !== 'jwt' && spec.type !== 'oidc') return;
  for (const [i, issuer] of (spec.config.issuers ?? []).entries()) {
    const path = ['spec', 'config', 'issuers', i] as const;
    // For sessions an issuer only says how claims are read; with an audience its tokens are accepted.
    if (spec.type === 'jwt' || issuer.audience) {
      yield* audience(issuer, path);
      yield* addresses(issuer, path, view);
    }
    yield* claims(issuer, path);
  }
}

type Path = readonly (string | number)[];

function* audience({ issuer, audience }: TokenIssuer, path: Path): Iterable<Finding> {
  if (audience) return;
  const message = `Without an audience every token of ${issuer} would be accepted, whoever it is for.`;
  const hint = 'Add the value that aud holds in tokens for this installation.';
  yield refuse(at(...path, 'audience'), 'auth-audience', message, hint);
}

function* addresses(
  { issuer, jwksUrl }: TokenIssuer,
  path: Path,
  { reachable }: AdmissionView,
): Iterable<Finding> {
  // Without the keys' address the issuer itself is one, and its discovery document is asked.
  const [member, text] = jwksUrl ? ['jwksUrl', jwksUrl] : ['issuer', issuer];
  const problem = findAddressProblem(text, reachable);
  if (problem === undefined) {
    if (jwksUrl || !text.includes('?')) return;
    const message = 'An issuer that is discovered has no query.';
    yield refuse(at(...path, member), 'address', message, 'Leave it out, or add jwksUrl.');
    return;
  }
  const { rule, message, hint } = problem;
  // What the installation allows it alone knows.
  if (reachable === undefined && rule !== 'address') yield warn(`${text}: ${message} ${hint}`);
  else yield refuse(at(...path, member), rule, message, hint);
}

function* claims({ claims = {} }: TokenIssuer, path: Path): Iterable<Finding> {
  const { attributes = {}, ...single } = claims;
  const mappings: [Path, ClaimMapping][] = [
    ...Object.entries(single).map(([name, mapping]): [Path, ClaimMapping] => [
      [...path, 'claims', name],
      mapping,
    ]),
    ...Object.entries(attributes).map(([name, mapping]): [Path, ClaimMapping] => [
      [...path, 'claims', 'attributes', name],
      mapping,
    ]),
  ];
  for (const [where, mapping] of mappings) {
    const read = compileClaimMapping(mapping);
    if (typeof read === 'string') {
      const hint = 'docs/authentication.md lists the transforms and what each takes.';
      yield refuse(at(...where), 'claim-mapping', read, hint);
    }
  }
  for (const name of ['actorId', 'email'] as const) {
    const mapping = claims[name];
    if (typeof mapping !== 'object' || mapping?.transform !== 'static_append') continue;
    const message = `${name} is one name, and static_append adds another.`;
    yield refuse(at(...path, 'claims', name), 'claim-mapping', message, 'Use another transform.');
  }
}
