import type { Kind, Resource, ResourceOf } from '../../contract/kinds.ts';
import type { Problem } from '../../errors.ts';
import {
  authStrategyChildren,
  authStrategyConfig,
  authStrategyDurations,
  authStrategySupport,
} from './auth-strategies.ts';
import { domainRoles, keyAddresses, namedSchemas, reservedRoles, selfGrants } from './bindings.ts';
import { storableValues } from './characters.ts';
import { schemaExpressions } from './expressions.ts';
import { fieldConstraints } from './field-constraints.ts';
import { fieldDefaults } from './field-defaults.ts';
import { fieldMasks } from './field-masks.ts';
import { fieldNames } from './field-names.ts';
import { fieldPatterns } from './field-patterns.ts';
import { fieldReferences } from './field-references.ts';
import type { Rule } from './finding.ts';
import { schemaIndexes } from './indexes.ts';
import { schemaLifecycle } from './lifecycle.ts';
import { namespaceCollisions, tableCollisions } from './namespace-collisions.ts';
import { namespaceOfParents, resourceNames } from './namespaces.ts';
import { oidcSettings } from './oidc-settings.ts';
import { schemaPartitioning } from './partitioning.ts';
import { policyIndexes } from './policy-indexes.ts';
import { applicationQuota, schemaQuotas, unboundedRecords } from './quotas.ts';
import { referencesBeforeDomain, resourceReferences } from './resource-references.ts';
import { archiveRetention, regulationRetention } from './retention.ts';
import { roleNames, rolesWithoutGrants } from './roles.ts';
import { rowFilters } from './row-filters.ts';
import { searchFields } from './search.ts';
import { notActedUpon, notInThisRelease, storedOnly } from './this-release.ts';
import { tokenIssuers } from './token-issuers.ts';
import { rulesThatNeverApply } from './unused-rules.ts';
import { schemaValidations } from './validations.ts';
import { versionMapping } from './version-mapping.ts';
import type { AdmissionView } from './view.ts';

export interface Admission {
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Every kind starts with these: where a resource lives and what it is called. */
const placement: readonly Rule<Resource>[] = [
  storableValues,
  resourceNames,
  namespaceOfParents,
  resourceReferences,
  reservedRoles,
];

const rules: { readonly [K in Kind]: readonly Rule<ResourceOf<K>>[] } = {
  Organisation: [namespaceCollisions, unboundedRecords],
  Application: [applicationQuota, unboundedRecords],
  Domain: [namespaceCollisions, referencesBeforeDomain, domainRoles],
  SchemaDefinition: [
    tableCollisions,
    fieldNames,
    fieldConstraints,
    fieldPatterns,
    fieldDefaults,
    fieldReferences,
    fieldMasks,
    roleNames,
    rowFilters,
    policyIndexes,
    rolesWithoutGrants,
    rulesThatNeverApply,
    schemaIndexes,
    schemaPartitioning,
    schemaValidations,
    schemaExpressions,
    searchFields,
    regulationRetention,
    schemaLifecycle,
    versionMapping,
    schemaQuotas,
    notInThisRelease,
    notActedUpon,
  ],
  AuthStrategy: [
    authStrategyConfig,
    authStrategyChildren,
    authStrategyDurations,
    tokenIssuers,
    oidcSettings,
    authStrategySupport,
  ],
  RoleBinding: [namedSchemas, selfGrants],
  ApiKey: [namedSchemas, keyAddresses],
  ArchivePolicy: [archiveRetention, storedOnly],
  PurgeRequest: [storedOnly],
  LegalHold: [storedOnly],
  ErasureRequest: [storedOnly],
  LogFilterPolicy: [storedOnly],
  LogRoutingPolicy: [storedOnly],
  SynonymSet: [storedOnly],
};

/**
 * Whether a structurally valid resource may be stored, with every problem at once. Pure: the
 * webhook, `velocity schema validate` and the store's own apply give it what they know as `view`,
 * which holds the candidate itself too.
 */
export function admit(candidate: Resource, view: AdmissionView): Admission {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const ofKind = rules[candidate.kind] as readonly Rule<Resource>[];
  for (const rule of [...placement, ...ofKind]) {
    for (const finding of rule(candidate, view)) {
      if ('problem' in finding) problems.push(finding.problem);
      else warnings.push(finding.warning);
    }
  }
  return { problems, warnings };
}
