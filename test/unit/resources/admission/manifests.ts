import type {
  Application,
  Domain,
  Field,
  Organisation,
  Resource,
  SchemaDefinition,
  SchemaDefinitionSpec,
} from '../../../../src/contract/kinds.ts';
import type { Admission } from '../../../../src/resources/admission/admit.ts';
import { admit } from '../../../../src/resources/admission/admit.ts';
import type { ViewContents } from '../../../../src/resources/admission/view.ts';
import { createAdmissionView } from '../../../../src/resources/admission/view.ts';

export const apiVersion = 'velocity.sh/v1';

export function organisation(name: string, spec: Partial<Organisation['spec']> = {}): Organisation {
  return {
    apiVersion,
    kind: 'Organisation',
    metadata: { name, namespace: name },
    spec: { displayName: name, ...spec },
  };
}

export function application(
  org: string,
  name: string,
  spec: Partial<Application['spec']> = {},
): Application {
  return {
    apiVersion,
    kind: 'Application',
    metadata: { name, namespace: org },
    spec: { org, displayName: name, ...spec },
  };
}

export function domain(org: string, app: string, name: string): Domain {
  return {
    apiVersion,
    kind: 'Domain',
    metadata: { name, namespace: `${org}-${app}-${name}` },
    spec: { app, displayName: name, access: { defaultRole: 'member', adminRole: 'admin' } },
  };
}

export function schema(
  name: string,
  spec: Partial<SchemaDefinitionSpec> = {},
  namespace = 'acme-shop-orders',
): SchemaDefinition {
  return {
    apiVersion,
    kind: 'SchemaDefinition',
    metadata: { name, namespace },
    spec: {
      version: 'v1',
      auth: { strategyRef: { name: 'keys', namespace } },
      access: { roles: [{ role: 'clerk', operations: ['*'] }] },
      fields: [{ name: 'title', type: 'string', searchable: true }],
      search: { tier: 'Tier1' },
      ...spec,
    },
  };
}

export function withField(field: Field): SchemaDefinition {
  return schema('thing', { fields: [field] });
}

/** One organisation with one application and one domain: where `schema` lives. */
export const acme: readonly Resource[] = [
  organisation('acme'),
  application('acme', 'shop'),
  domain('acme', 'shop', 'orders'),
];

/** Admits a resource that is new, beside those that are stored. */
export function admitNew(
  candidate: Resource,
  stored: readonly Resource[] = acme,
  contents: Partial<ViewContents> = {},
): Admission {
  return admit(candidate, createAdmissionView({ stored, candidates: [candidate], ...contents }));
}

/** `pointer rule` of each problem. */
export function problemsOf(
  candidate: Resource,
  stored: readonly Resource[] = acme,
  contents: Partial<ViewContents> = {},
): string[] {
  return admitNew(candidate, stored, contents).problems.map(
    ({ pointer, rule }) => `${pointer} ${rule}`,
  );
}
