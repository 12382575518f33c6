import type { RulePlace, RuleReason } from '../contract/explanation.ts';
import type { Operation } from '../contract/kinds.ts';
import { platformAdminRole } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { BindingEntry } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { Access, AccessQuestion } from './access.ts';
import { decideNoting } from './access.ts';
import type { Noted } from './access-note.ts';

export interface ExplainedRoles {
  readonly decision: Access | VelocityError;
  readonly rules: readonly RuleReason[];
}

/** The key whose scopes limit the caller, where its name is known. */
export type NamedKey = Pick<RulePlace, 'namespace' | 'name'>;

/** Layer 1: the very decision that a request gets, and each binding, role and scope behind it. */
export function explainRoles(question: AccessQuestion, key: NamedKey | undefined): ExplainedRoles {
  const { schema, operation, identity } = question;
  const noted: Noted[] = [];
  const decision = decideNoting(question, (one) => void noted.push(one));
  const rules = noted.map((one) => reasonOf(one, schema, operation, key));
  if (!(decision instanceof VelocityError)) return { decision, rules };
  const message = noted.some(({ what }) => what === 'binding' || what === 'role')
    ? decision.message
    : `No live RoleBinding in ${schema.namespace} names ${JSON.stringify(identity.actor)}.`;
  const denying =
    decision.code === 'AUTH_INSUFFICIENT_SCOPES'
      ? {
          rule: 'scopes of the key',
          message: decision.message,
          place: placeOfKey(key, '/spec/scopes'),
        }
      : { rule: 'access.roles', message, place: placeIn(schema, '/spec/access/roles') };
  return { decision, rules: [...rules, { ...denying, effect: 'deny' }] };
}

function reasonOf(
  noted: Noted,
  schema: CompiledSchema,
  operation: Operation,
  key: NamedKey | undefined,
): RuleReason {
  switch (noted.what) {
    case 'platform-admin':
      return {
        ...{ rule: `role ${platformAdminRole}`, effect: 'allow' },
        message: 'the bootstrap key may do everything, everywhere',
      };
    case 'key-scope':
      return {
        rule: `scope ${noted.index} of the key`,
        effect: noted.covered ? 'allow' : 'none',
        message: `${noted.covered ? 'covers' : 'does not cover'} ${operation} on ${titleOf(schema)}`,
        place: placeOfKey(key, `/spec/scopes/${noted.index}`),
      };
    case 'binding':
      return bindingReason(noted, schema, operation);
    case 'role':
      return roleReason(noted, schema, operation);
  }
}

function bindingReason(
  { binding, outcome }: Extract<Noted, { what: 'binding' }>,
  schema: CompiledSchema,
  operation: Operation,
): RuleReason {
  const expired = outcome === 'expired';
  const message = expired
    ? `expired at ${new Date(binding.expiresAt ?? 0).toISOString()}`
    : `its scopes do not cover ${operation} on ${titleOf(schema)}`;
  return {
    ...{ rule: `RoleBinding ${binding.name}`, effect: 'none', message },
    place: placeOfBinding(binding, expired ? '/spec/expiresAt' : '/spec/scopes'),
  };
}

function roleReason(
  { binding, role, granted }: Extract<Noted, { what: 'role' }>,
  schema: CompiledSchema,
  operation: Operation,
): RuleReason {
  const holder = holderOf(binding, role);
  const index = (schema.spec.access.roles ?? []).findIndex((grant) => grant.role === role);
  const listed = index === -1 ? '/spec/access/roles' : `/spec/access/roles/${index}`;
  const place =
    role === schema.access.adminRole && granted
      ? { ...placeIn(schema, '/spec/access/adminRole'), kind: 'Domain', name: schema.domain }
      : placeIn(schema, granted ? listed : listed.replace(/\d$/, '$&/operations'));
  return {
    rule: `role ${role}`,
    effect: granted ? 'allow' : 'none',
    message: `${holder}; ${granted ? 'granted' : 'not granted'} ${operation}`,
    place,
  };
}

function holderOf(binding: BindingEntry | undefined, role: string): string {
  if (binding === undefined) return 'carried by the token';
  if (binding.roles.includes(role)) return `held by RoleBinding ${binding.name}`;
  return `the domain's default role, held with RoleBinding ${binding.name}`;
}

function titleOf({ name, version }: CompiledSchema): string {
  return `${name} ${version}`;
}

/** A place in the manifest of the schema itself. */
export function placeIn({ namespace, name }: CompiledSchema, pointer: string): RulePlace {
  return { kind: 'SchemaDefinition', namespace, name, pointer };
}

function placeOfBinding({ namespace, name }: BindingEntry, pointer: string): RulePlace {
  return { kind: 'RoleBinding', namespace, name, pointer };
}

function placeOfKey(key: NamedKey | undefined, pointer: string): RulePlace {
  return { kind: 'ApiKey', namespace: key?.namespace ?? '', ...key, pointer };
}
