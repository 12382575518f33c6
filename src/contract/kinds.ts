// Generated from crds/ by scripts/generate-kinds.ts. Do not edit: change the CRD instead.

/** Any resource, told apart by its kind. */
export type Resource =
  | ApiKey
  | Application
  | ArchivePolicy
  | AuthStrategy
  | Domain
  | ErasureRequest
  | LegalHold
  | LogFilterPolicy
  | LogRoutingPolicy
  | Organisation
  | PurgeRequest
  | RoleBinding
  | SchemaDefinition
  | SynonymSet;
/** What is done to a record; `*` is every operation. */
export type Operation =
  | 'create'
  | 'read'
  | 'update'
  | 'delete'
  | 'restore'
  | 'archive'
  | 'unarchive'
  | 'history'
  | 'audit'
  | 'search'
  | 'export'
  | '*';
/** Summary of the conditions. */
export type Phase =
  | 'Pending'
  | 'Provisioning'
  | 'AwaitingApproval'
  | 'Ready'
  | 'Rebuilding'
  | 'Drifted'
  | 'Frozen'
  | 'Deprecated'
  | 'Failed';
/** How the field is compared; `overlaps` and `contains_all` are for arrays, `within_km` for geopoints. */
export type FilterOperator =
  | 'eq'
  | 'neq'
  | 'lt'
  | 'lte'
  | 'gt'
  | 'gte'
  | 'in'
  | 'not_in'
  | 'contains'
  | 'starts_with'
  | 'like'
  | 'is_null'
  | 'is_not_null'
  | 'between'
  | 'exists'
  | 'overlaps'
  | 'contains_all'
  | 'within_km';
/** Where the value comes from: a path in the token, or `{path, transform, args}` with transform identity, prefix_strip, split, uppercase, lowercase, lookup, regex_extract or static_append. */
export type ClaimMapping =
  | string
  | {
      path: string;
      transform?:
        | 'identity'
        | 'prefix_strip'
        | 'split'
        | 'uppercase'
        | 'lowercase'
        | 'lookup'
        | 'regex_extract'
        | 'static_append';
      args?: unknown;
    };
/** Type of the values. */
export type FieldType =
  | 'string'
  | 'integer'
  | 'number'
  | 'decimal'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'uuid'
  | 'json'
  | 'enum'
  | 'ref'
  | 'geopoint'
  | 'string[]'
  | 'integer[]';

/** A key of an actor. The manifest holds no secret: the key is issued once by `velocity api-key create`. */
export interface ApiKey {
  apiVersion: 'velocity.sh/v1';
  kind: 'ApiKey';
  metadata: ObjectMeta;
  spec: ApiKeySpec;
  status?: ApiKeyStatus;
}
/** Name, namespace, labels and annotations, and what the store keeps beside them. */
export interface ObjectMeta {
  /** Name of the resource. */
  name: string;
  /** Namespace that holds the resource. */
  namespace: string;
  /** Given by the store; stays with the resource for life. */
  uid?: string;
  /** Rises with every change of the spec. */
  generation?: number;
  /** Changes with every write; sent back, it guards against lost updates. */
  resourceVersion?: string;
  /** Short values to select by. */
  labels?: Record<string, string>;
  /** Values for people and tools. */
  annotations?: Record<string, string>;
  /** What must be cleaned up before the resource may go. */
  finalizers?: string[];
  /** When the resource was created. RFC 3339. */
  creationTimestamp?: string;
  /** When deletion was asked for. RFC 3339. */
  deletionTimestamp?: string;
}
/** Whose key it is and what it may do. */
export interface ApiKeySpec {
  /** Actor that the key speaks for; role bindings name the same. */
  actor: string;
  /** Person or program. */
  actorType: 'user' | 'service';
  /** Narrows the actor's roles; absent means all that they grant. */
  scopes?: ApiKeyScope[];
  /** Networks that the key may be used from, in CIDR form; absent means any. */
  ipAllowlist?: string[];
  /** When the key stops working. RFC 3339. */
  expiry?: string;
}
/** What a key may do with a schema. */
export interface ApiKeyScope {
  /** Schema that the scope names, or `*` for every schema of the domain. */
  schema: string;
  /** API version of the schema; absent means every version. */
  version?: string;
  /** Operations that the scope allows; absent means every operation. */
  operations?: Operation[];
  /** Attributes of the identity within this scope; row filters refer to them. */
  attributes?: Record<string, unknown>;
  fields?: ScopeFields;
}
/** Fields that the key may use; absent lists mean all. */
export interface ScopeFields {
  /** Fields that may be read. */
  read?: string[];
  /** Fields that may be written. */
  write?: string[];
}
/** What the platform last observed; written by the platform only. */
export interface ApiKeyStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
  secretRef?: SecretKeyRef;
  /** SHA-256 of the key, in hexadecimal. */
  keyHash?: string;
  /** When the key was revoked. RFC 3339. */
  revokedAt?: string;
  /** When the key was used last, to the minute; the API fills it in as it answers. RFC 3339. */
  lastUsedAt?: string;
  /** Texts that a rotation replaced and that still count; the API fills them in as it answers. */
  previous?: PreviousKey[];
}
/** One observation of the state, in the form of metav1.Condition. */
export interface Condition {
  /** Kind of the condition, in CamelCase. */
  type: string;
  /** Whether the condition holds. */
  status: 'True' | 'False' | 'Unknown';
  /** One CamelCase word for machines. */
  reason: string;
  /** A sentence for people. */
  message: string;
  /** When the status last changed. RFC 3339. */
  lastTransitionTime: string;
  /** Generation that the condition was observed on. */
  observedGeneration?: number;
}
/** One key of a secret. */
export interface SecretKeyRef {
  /** Name of the secret. */
  name: string;
  /** Key within the secret. */
  key: string;
}
/** A text that a rotation replaced. */
export interface PreviousKey {
  /** When it ends. RFC 3339. */
  validUntil: string;
  /** When it was used last, to the minute. RFC 3339. */
  lastUsedAt?: string;
}
/** A product of an organisation; groups domains. Lives in the namespace of its organisation. */
export interface Application {
  apiVersion: 'velocity.sh/v1';
  kind: 'Application';
  metadata: ObjectMeta;
  spec: ApplicationSpec;
  status?: ApplicationStatus;
}
/** What is wanted of the application. */
export interface ApplicationSpec {
  /** Organisation that the application belongs to. */
  org: string;
  /** Name that people read. */
  displayName: string;
  /** Person who answers for it. */
  owner?: string;
  /** Team that runs it. */
  team?: string;
  authStrategy?: NamespacedName;
  databaseQuota?: DatabaseQuota;
  deployment?: Deployment;
  resourceQuotas?: ResourceQuotas;
}
/** A resource by name and namespace. */
export interface NamespacedName {
  /** Name of the resource. */
  name: string;
  /** Namespace that holds the resource. */
  namespace: string;
}
/** Share of the database. */
export interface DatabaseQuota {
  /** Connections that each API process may hold. */
  poolSize?: number;
  /** Read replicas for history, search, export and as-of reads. */
  readReplicas?: number;
  /** Postgres tablespace for cold data. */
  coldTablespace?: string;
}
/** How the API is deployed. */
export interface Deployment {
  /** One deployment for the application, or one for each domain. */
  scope?: 'app' | 'domain';
  /** Fewest replicas. */
  minReplicas?: number;
  /** Most replicas. */
  maxReplicas?: number;
  resources?: DeploymentResources;
}
/** What each replica asks for and may use. */
export interface DeploymentResources {
  requests?: ResourceAmounts;
  limits?: ResourceAmounts;
}
/** Amounts of cpu and memory. */
export interface ResourceAmounts {
  /** Kubernetes quantity, `500m` for example. */
  cpu?: string;
  /** Kubernetes quantity, `256Mi` for example. */
  memory?: string;
}
/** Upper bounds; absent means unlimited. */
export interface ResourceQuotas {
  /** Applications in the organisation. */
  maxApplications?: number;
  /** Schemas. */
  maxSchemas?: number;
  /** Fields of one schema. */
  maxFieldsPerSchema?: number;
  /** Versions of one schema. */
  maxVersionsPerSchema?: number;
  /** Records of one schema. */
  maxRecordsPerSchema?: number;
  /** Storage, in gigabytes. */
  maxStorageGb?: number;
  /** Requests per second over all replicas. */
  requestsPerSecond?: number;
}
/** What the platform last observed; written by the platform only. */
export interface ApplicationStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** When records leave the hot table, and where they go. */
export interface ArchivePolicy {
  apiVersion: 'velocity.sh/v1';
  kind: 'ArchivePolicy';
  metadata: ObjectMeta;
  spec: ArchivePolicySpec;
  status?: ArchivePolicyStatus;
}
/** What is archived, when and where to. */
export interface ArchivePolicySpec {
  /** Cron expression of five fields, with a time zone before it where UTC is not meant: `CRON_TZ=Europe/Berlin 0 2 * * *`. */
  schedule: string;
  trigger: ArchiveTrigger;
  destination: ArchiveDestination;
  /** Records of one batch. */
  batchSize?: number;
  /** Longest run. A duration: integer and s, m, h, d, w, mo or y. */
  maxDuration?: string;
  /** How long archived records stay in the hot table. A duration: integer and s, m, h, d, w, mo or y. */
  purgeAfter?: string;
  /** Batches that run beside each other. */
  shards?: number;
}
/** Which records are archived. */
export interface ArchiveTrigger {
  /** What decides. */
  type: 'age' | 'size' | 'field' | 'cel';
  /** Field that is compared. */
  field?: string;
  op?: FilterOperator;
  /** Age as a duration, size in gigabytes, or the value to compare with. */
  value: unknown;
  /** What must hold; for type cel. A CEL expression. */
  rule?: string;
  /** Longest evaluation, in milliseconds. */
  maxExecutionMs?: number;
}
/** Where archived records go. */
export interface ArchiveDestination {
  /** Kind of storage. */
  backend: 's3' | 'file' | 'postgres-cold';
  /** Bucket or folder. */
  bucket?: string;
  /** File format. */
  format?: 'parquet';
}
/** What the platform last observed; written by the platform only. */
export interface ArchivePolicyStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
  /** When it last ran. RFC 3339. */
  lastRunAt?: string;
  /** When it runs next. RFC 3339. */
  nextRunAt?: string;
  /** Records archived so far. */
  recordsArchived?: number;
  /** Archived records removed from the hot table so far. */
  recordsPurged?: number;
}
/** How callers of schemas prove who they are. */
export interface AuthStrategy {
  apiVersion: 'velocity.sh/v1';
  kind: 'AuthStrategy';
  metadata: ObjectMeta;
  spec: AuthStrategySpec;
  status?: AuthStrategyStatus;
}
/** What is wanted of the strategy. */
export interface AuthStrategySpec {
  /** Kind of proof. */
  type: 'jwt' | 'oidc' | 'apikey' | 'composite' | 'none';
  config: AuthStrategyConfig;
}
/** Settings; which ones count depends on the type. May be empty. */
export interface AuthStrategyConfig {
  /** Issuers whose tokens are accepted. */
  issuers?: TokenIssuer[];
  /** Difference of clocks that is tolerated. A duration: integer and s, m, h, d, w, mo or y. */
  clockSkew?: string;
  /** Longest life of a token that is accepted. A duration: integer and s, m, h, d, w, mo or y. */
  ttlMax?: string;
  oidc?: OidcConfig;
  revocation?: Revocation;
  /** Strategies tried in order; for type composite. */
  children?: NamespacedName[];
  cel?: AuthCel;
}
/** An issuer whose tokens are accepted. */
export interface TokenIssuer {
  /** Value of the `iss` claim. */
  issuer: string;
  /** Value that the `aud` claim must hold. */
  audience?: string;
  /** Address of the issuer's keys; empty means discovery. */
  jwksUrl?: string;
  claims?: ClaimMappings;
}
/** Where the parts of an identity come from. */
export interface ClaimMappings {
  actorId?: ClaimMapping;
  email?: ClaimMapping;
  roles?: ClaimMapping;
  /** A claim mapping for each attribute. */
  attributes?: {
    [k: string]: ClaimMapping;
  };
}
/** Sign-in by OpenID Connect. */
export interface OidcConfig {
  /** Issuer, for discovery. */
  issuer?: string;
  /** Address of the discovery document. */
  configUrl?: string;
  /** Overrides discovery. */
  authorizationEndpoint?: string;
  /** Overrides discovery. */
  tokenEndpoint?: string;
  /** Overrides discovery. */
  userinfoEndpoint?: string;
  /** Client at the issuer. */
  clientId: string;
  clientSecretRef: SecretKeyRef;
  /** Address that the issuer sends the user back to. */
  redirectUri: string;
  /** Scopes that are asked for. */
  scopes?: string[];
  /** How long a session lasts. A duration: integer and s, m, h, d, w, mo or y. */
  sessionTtl?: string;
}
/** Where revoked tokens are looked up. */
export interface Revocation {
  /** Kind of store. */
  backend: 'redis';
  /** Prefix of the keys. */
  key?: string;
  /** How long an entry is kept. A duration: integer and s, m, h, d, w, mo or y. */
  ttl?: string;
  /** Accept tokens while the store is unreachable; each is audited. */
  failOpen?: boolean;
}
/** Bounds of expressions. */
export interface AuthCel {
  /** Longest evaluation, in milliseconds. */
  maxExecutionMs?: number;
}
/** What the platform last observed; written by the platform only. */
export interface AuthStrategyStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** A set of schemas with roles of its own; one Postgres namespace. Lives in `{org}-{app}-{domain}`. */
export interface Domain {
  apiVersion: 'velocity.sh/v1';
  kind: 'Domain';
  metadata: ObjectMeta;
  spec: DomainSpec;
  status?: DomainStatus;
}
/** What is wanted of the domain. */
export interface DomainSpec {
  /** Application that the domain belongs to. */
  app: string;
  /** Name that people read. */
  displayName: string;
  access: DomainAccess;
  approvals?: Approvals;
  databaseQuota?: DatabaseQuota;
  deployment?: Deployment;
}
/** Roles of the domain. */
export interface DomainAccess {
  /** Role that every actor bound in this domain also holds. */
  defaultRole: string;
  /** Role with every operation on every schema of the domain. */
  adminRole: string;
  /** Role that sees timings of requests. */
  diagnosticsRole?: string;
}
/** What needs a second person. */
export interface Approvals {
  /** Purge and erasure wait for approval by somebody else. */
  fourEyes?: boolean;
  /** A breaking plan of a schema waits for approval by somebody else than who asked for it. */
  plans?: boolean;
}
/** What the platform last observed; written by the platform only. */
export interface DomainStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** Destroys a data subject's key after hold checks and approval, so that every copy of the data becomes unreadable. */
export interface ErasureRequest {
  apiVersion: 'velocity.sh/v1';
  kind: 'ErasureRequest';
  metadata: ObjectMeta;
  spec: ErasureRequestSpec;
  status?: ErasureRequestStatus;
}
/** Whose data is to be erased, and why. */
export interface ErasureRequestSpec {
  subject: ErasureSubject;
  /** Why. */
  reason: string;
  /** Ticket that asks for it. */
  ticketRef?: string;
}
/** Data subject, by the value of a field. */
export interface ErasureSubject {
  /** Field that names the subject. */
  field: string;
  /** Value that names the subject. */
  value: unknown;
}
/** What the platform last observed; written by the platform only. */
export interface ErasureRequestStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** Blocks purge, archive expiry and erasure while it stands. */
export interface LegalHold {
  apiVersion: 'velocity.sh/v1';
  kind: 'LegalHold';
  metadata: ObjectMeta;
  spec: LegalHoldSpec;
  status?: LegalHoldStatus;
}
/** Which records are held, and why. */
export interface LegalHoldSpec {
  /** Name of the schema. */
  schema: string;
  /** API version of the schema; absent means every version. */
  version?: string;
  filter?: Filter;
  /** Why. */
  reason: string;
  /** Ticket that asks for it. */
  ticketRef?: string;
  /** When the hold ends. RFC 3339. */
  expiresAt?: string;
}
/** A condition on one field. */
export interface Filter {
  /** Field that is compared. */
  field: string;
  op: FilterOperator;
  /** Value to compare with: a literal, a list for `in` and `between`, or a template such as `{{identity.attributes.region}}`. */
  value: unknown;
}
/** What the platform last observed; written by the platform only. */
export interface LegalHoldStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** Which log lines are kept, dropped, sampled or redacted. */
export interface LogFilterPolicy {
  apiVersion: 'velocity.sh/v1';
  kind: 'LogFilterPolicy';
  metadata: ObjectMeta;
  spec: LogFilterPolicySpec;
  status?: LogFilterPolicyStatus;
}
/** Rules, of which the first that matches decides. */
export interface LogFilterPolicySpec {
  /** Rules; a higher priority is tried first. */
  rules?: LogRule[];
}
/** What happens to matching log lines. */
export interface LogRule {
  /** Name of the rule. */
  name: string;
  /** A higher priority is tried first. */
  priority: number;
  /** What happens. */
  action: 'keep' | 'drop' | 'sample' | 'redact';
  /** Members that a line must have, each with its value; empty matches all. */
  when?: {
    /** Value of the member. */
    [k: string]: string;
  };
  /** Members to redact. */
  fields?: string[];
  /** Share of lines that `sample` keeps. */
  sampleRate?: number;
}
/** What the platform last observed; written by the platform only. */
export interface LogFilterPolicyStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** Where log lines go. */
export interface LogRoutingPolicy {
  apiVersion: 'velocity.sh/v1';
  kind: 'LogRoutingPolicy';
  metadata: ObjectMeta;
  spec: LogRoutingPolicySpec;
  status?: LogRoutingPolicyStatus;
}
/** Destinations, each of which gets every line. */
export interface LogRoutingPolicySpec {
  /** Destinations. */
  destinations?: LogDestination[];
}
/** A destination of log lines. */
export interface LogDestination {
  /** Name of the destination. */
  name: string;
  /** Kind of destination. */
  type: 'stdout' | 'file' | 'otlp';
}
/** What the platform last observed; written by the platform only. */
export interface LogRoutingPolicyStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** A tenant: the outermost boundary, which nothing crosses. Lives in the namespace of its own name. */
export interface Organisation {
  apiVersion: 'velocity.sh/v1';
  kind: 'Organisation';
  metadata: ObjectMeta;
  spec: OrganisationSpec;
  status?: OrganisationStatus;
}
/** What is wanted of the organisation. */
export interface OrganisationSpec {
  /** Name that people read. */
  displayName: string;
  /** One tenant, or many that share the organisation. */
  tenancyMode?: 'single' | 'multi-tenant';
  /** Roles that administer the organisation. */
  adminRoles?: string[];
  defaultAuthStrategy?: NamespacedName;
  defaultPolicies?: DefaultPolicies;
  resourceQuotas?: ResourceQuotas;
  encryption?: Encryption;
}
/** What schemas do unless they say otherwise. */
export interface DefaultPolicies {
  /** Write audit entries. */
  audit?: boolean;
  /** How long old states are kept. A duration: integer and s, m, h, d, w, mo or y. */
  retention?: string;
  /** Keep every state of every record. */
  timeMachine?: boolean;
}
/** Where the organisation's keys are kept. */
export interface Encryption {
  /** Key service. */
  provider?: 'local' | 'vault-transit' | 'aws-kms' | 'pkcs11';
  /** Key, as the service names it. */
  keyRef?: string;
  /** How long an unwrapped key may be cached. A duration: integer and s, m, h, d, w, mo or y. */
  cacheTtl?: string;
}
/** What the platform last observed; written by the platform only. */
export interface OrganisationStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}
/** Asks for records to be destroyed, once. */
export interface PurgeRequest {
  apiVersion: 'velocity.sh/v1';
  kind: 'PurgeRequest';
  metadata: ObjectMeta;
  spec: PurgeRequestSpec;
  status?: PurgeRequestStatus;
}
/** Which records are to be destroyed, and why. */
export interface PurgeRequestSpec {
  target: PurgeTarget;
  filter?: Filter;
  /** Age that records must have reached. A duration: integer and s, m, h, d, w, mo or y. */
  olderThan?: string;
  /** Why. */
  reason: string;
  /** Ticket that asks for it. */
  ticketRef?: string;
  /** Wait for approval by somebody else than the requester. */
  requiresApproval?: boolean;
  /** Records that would be destroyed; set by the platform. */
  estimatedRecords?: number;
}
/** Schema whose records are meant. */
export interface PurgeTarget {
  /** Name of the schema. */
  schema: string;
  /** API version of the schema. */
  version: string;
}
/** What the platform last observed; written by the platform only. */
export interface PurgeRequestStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
  /** Somebody approved it. */
  approved?: boolean;
  /** Who approved it. */
  approvedBy?: string;
  /** Records destroyed so far. */
  purgedRecords?: number;
  /** When it was done. RFC 3339. */
  purgedAt?: string;
}
/** Gives an actor roles within the domain whose namespace holds it. */
export interface RoleBinding {
  apiVersion: 'velocity.sh/v1';
  kind: 'RoleBinding';
  metadata: ObjectMeta;
  spec: RoleBindingSpec;
  status?: RoleBindingStatus;
}
/** What is granted. */
export interface RoleBindingSpec {
  /** Actor, as its authentication names it. */
  actorId: string;
  /** Roles that are granted. */
  roles: string[];
  /** Where the roles count; absent means every schema of the domain. */
  scopes?: RoleScope[];
  /** When the grant ends. RFC 3339. */
  expiresAt?: string;
  /** Who granted it. Filled by the platform, whatever is written here. */
  grantedBy?: string;
}
/** Where granted roles count. */
export interface RoleScope {
  /** Schema that the scope names, or `*` for every schema of the domain. */
  schema: string;
  /** API version of the schema; absent means every version. */
  version?: string;
  /** Operations that the scope allows; absent means every operation. */
  operations?: Operation[];
  /** Attributes of the identity within this scope; row filters refer to them. */
  attributes?: Record<string, unknown>;
}
/** What the platform last observed; written by the platform only. */
export interface RoleBindingStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
  /** The grant no longer counts. */
  revoked?: boolean;
}
/** An object of a domain: becomes a table, a REST API, access control, audit and history. `metadata.name` is the object. */
export interface SchemaDefinition {
  apiVersion: 'velocity.sh/v1';
  kind: 'SchemaDefinition';
  metadata: ObjectMeta;
  spec: SchemaDefinitionSpec;
  status?: SchemaDefinitionStatus;
}
/** What is wanted: the fields of the records, who may do what with them, and how they are kept. */
export interface SchemaDefinitionSpec {
  /** API version; each version is its own table and route. */
  version: string;
  /** What the records are; shown in OpenAPI. */
  description?: string;
  auth: SchemaAuth;
  access: SchemaAccess;
  /** Fields of the records, in order. */
  fields: Field[];
  /** Composite and partial indexes. */
  indexes?: Index[];
  /** Rules over several fields. */
  validations?: Validation[];
  search: SchemaSearch;
  timeMachine?: TimeMachine;
  audit?: SchemaAudit;
  archive?: SchemaArchive;
  partitioning?: Partitioning;
  scaling?: Scaling;
  observability?: Observability;
  /** Addresses that are told about changes. */
  webhooks?: Webhook[];
  lifecycle?: Lifecycle;
}
/** How callers prove who they are. */
export interface SchemaAuth {
  strategyRef: NamespacedName;
  /** Other strategies for some operations. */
  overrides?: AuthOverride[];
}
/** Another strategy for some operations. */
export interface AuthOverride {
  /** Operations that the override applies to. */
  operations: Operation[];
  strategyRef: NamespacedName;
}
/** Who may do what; nothing is allowed that is not granted here. */
export interface SchemaAccess {
  /** Layer 1: operations of each role. */
  roles?: RoleGrant[];
  /** Layer 2: conditions over actor, record and request. */
  policies?: Policy[];
  /** Layer 4: rows that each role sees. */
  rowFilter?: RowFilter[];
}
/** Operations that a role may do. */
export interface RoleGrant {
  /** Name of the role. */
  role: string;
  /** Operations that the role may do. */
  operations: Operation[];
}
/** A condition that an action must meet. */
export interface Policy {
  /** Name of the policy; shown in denials. */
  name: string;
  action: Operation;
  /** What must hold. A CEL expression. */
  condition: string;
  /** Fields whose use makes the policy apply; absent means always. */
  fields?: string[];
  /** Sentence that a denied caller reads. */
  message?: string;
}
/** Rows that a role sees. */
export interface RowFilter {
  /** Name of the role. */
  role: string;
  filter: Filter;
}
/** One field of the records: a column of the table and a member of the JSON. */
export interface Field {
  /** Name in the JSON and in the table; system columns are reserved. */
  name: string;
  type: FieldType;
  /** A record must have a value here. */
  required?: boolean;
  /** No two records may share a value. */
  unique?: boolean;
  /** Keep an index on the field. */
  indexed?: boolean;
  /** The field may be used in filters; wants an index. */
  filterable?: boolean;
  /** The field may be used in sorts; wants an index. */
  sortable?: boolean;
  /** Full-text search looks at the field. */
  searchable?: boolean;
  /** Searches may count values of the field. */
  facet?: boolean;
  /** Value of a record that is created without one; must fit the type and constraints of the field. */
  default?: unknown;
  /** Smallest value of a number. */
  min?: number;
  /** Largest value of a number. */
  max?: number;
  /** Longest value of a string, in characters. */
  maxLength?: number;
  /** Digits of a decimal in all. */
  precision?: number;
  /** Digits of a decimal after the point. */
  scale?: number;
  /** Regular expression (RE2, linear time) that a string must match. */
  pattern?: string;
  /** Values that an enum may take, in order. */
  enumValues?: string[];
  /** Weight in full-text ranking; A is the heaviest. */
  ftsWeight?: 'A' | 'B' | 'C' | 'D';
  /** Language of the text, for full-text search. */
  language?:
    | 'simple'
    | 'arabic'
    | 'armenian'
    | 'basque'
    | 'catalan'
    | 'danish'
    | 'dutch'
    | 'english'
    | 'finnish'
    | 'french'
    | 'german'
    | 'greek'
    | 'hindi'
    | 'hungarian'
    | 'indonesian'
    | 'irish'
    | 'italian'
    | 'lithuanian'
    | 'nepali'
    | 'norwegian'
    | 'portuguese'
    | 'romanian'
    | 'russian'
    | 'serbian'
    | 'spanish'
    | 'swedish'
    | 'tamil'
    | 'turkish'
    | 'yiddish';
  /** How much harm disclosure would do. */
  sensitivity?: 'public' | 'internal' | 'confidential' | 'pii' | 'financial';
  /** Sealed under the data subject's key, so that destroying the key erases every copy. */
  encrypted?: boolean;
  /** May be set on create only. */
  immutable?: boolean;
  access?: FieldAccess;
  mask?: FieldMask;
  ref?: FieldReference;
  /** Earlier name of the field; its data is kept. */
  renamedFrom?: string;
  /** Value of existing records when the field is added, narrowed or required. A CEL expression. */
  backfill?: string;
}
/** Layer 5: who may see and change the field; absent lists leave it to the schema. */
export interface FieldAccess {
  /** Roles that may read the field. */
  read?: string[];
  /** Roles that may write the field. */
  write?: string[];
}
/** Layer 6: what roles without the right see instead of the value. */
export interface FieldMask {
  /** How the value is hidden. */
  strategy: 'redact' | 'partial' | 'hash';
  /** Characters that `partial` leaves readable at the end. */
  keepLast?: number;
  /** Roles that see the value itself. */
  unmaskedFor?: string[];
}
/** Schema that a `ref` points to, and what its deletion does. */
export interface FieldReference {
  /** Organisation of the target. */
  org: string;
  /** Application of the target. */
  app: string;
  /** Domain of the target. */
  domain: string;
  /** Name of the target schema. */
  object: string;
  /** API version of the target schema. */
  version: string;
  /** Field of the target that holds the value: `id`, or a unique field. */
  key?: string;
  /** What deleting the target does to records that point to it. */
  onDelete?: 'restrict' | 'setNull' | 'cascade';
}
/** An index over several fields, or over some records. */
export interface Index {
  /** Indexed fields, in order. */
  fields: IndexField[];
  /** No two records may share these values. */
  unique?: boolean;
  /** Records that the index covers; must compile to SQL. A CEL expression. */
  where?: string;
}
/** One field of an index. */
export interface IndexField {
  /** Name of the field. */
  name: string;
  /** Order of the entries. */
  direction?: 'asc' | 'desc';
}
/** A rule that every written record must meet. */
export interface Validation {
  /** `compare` compares two fields; `cel` evaluates an expression. */
  type: 'cel' | 'compare';
  /** What must hold, over self, old and actor; for type cel. A CEL expression. */
  rule?: string;
  /** Field on the left; for type compare. */
  left?: string;
  /** Comparison; for type compare. */
  operator?: 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte';
  /** Field on the right; for type compare. */
  right?: string;
  /** Sentence that the caller reads when the rule fails. */
  message?: string;
  /** Longest evaluation, in milliseconds. */
  maxExecutionMs?: number;
}
/** How the records are searched. */
export interface SchemaSearch {
  /** Tier1: trigram. Tier2: Postgres full text. Tier3: Typesense. */
  tier: 'Tier1' | 'Tier2' | 'Tier3';
  /** Take part in the organisation's search over all schemas. */
  crossSearch?: boolean;
  /** Weight among the schemas of a cross search. */
  crossSearchWeight?: number;
  display?: SearchDisplay;
  /** Terms that mean the same. */
  synonyms?: Synonym[];
}
/** How a hit is shown. */
export interface SearchDisplay {
  /** What the records are called. */
  label?: string;
  /** Field shown as the title. */
  titleField?: string;
  /** Field shown below the title. */
  subtitleField?: string;
  /** Address of a record, with `{field}` placeholders. */
  urlTemplate?: string;
}
/** Terms that mean the same as a root term. */
export interface Synonym {
  /** The term that is searched for. */
  root?: string;
  /** Terms that find the same records. */
  terms?: string[];
}
/** How old states are kept. */
export interface TimeMachine {
  /** Keep every state of every record. */
  enabled?: boolean;
  storage?: TimeMachineStorage;
}
/** Where states go as they age. */
export interface TimeMachineStorage {
  hot?: StorageTier;
  warm?: StorageTier;
  cold?: StorageTier;
}
/** Where states of one age are kept. */
export interface StorageTier {
  /** Kind of storage. */
  backend: 'postgres' | 'file' | 's3' | 'glacier';
  /** How long states stay in this tier. A duration: integer and s, m, h, d, w, mo or y. */
  retention?: string;
  /** File format, for backends that hold files. */
  format?: 'parquet';
}
/** What the audit log records. */
export interface SchemaAudit {
  /** Write audit entries for this schema. */
  enabled?: boolean;
  reads?: AuditReads;
  writes?: AuditWrites;
  /** Regulations that the records fall under; each sets a minimum retention. */
  regulations?: ('SOX' | 'HIPAA' | 'PCI-DSS' | 'SOC2' | 'GDPR')[];
}
/** Which reads are recorded. */
export interface AuditReads {
  /** Record reads of fields marked pii or financial. */
  sensitiveFields?: boolean;
  /** Record reads that return at least this many records. */
  bulkThreshold?: number;
}
/** What a writer must state. */
export interface AuditWrites {
  /** Operations that need a reason. */
  requireReason?: Operation[];
  /** Operations that need a ticket reference. */
  requireTicketRef?: Operation[];
}
/** How old records leave the hot table. */
export interface SchemaArchive {
  policyRef?: NamespacedName;
}
/** How the table is partitioned. */
export interface Partitioning {
  /** Partition the table. */
  enabled: boolean;
  /** Required field that decides the partition; created_at serves range and id serves hash too. */
  field: string;
  /** How records are assigned. */
  strategy: 'range' | 'list' | 'hash';
  /** Span of a range partition; list and hash take no notice of it. */
  interval: 'monthly' | 'quarterly' | 'yearly';
  /** How long a partition is kept. A duration: integer and s, m, h, d, w, mo or y. */
  retention?: string;
  /** Where partitions live. */
  distribution?: 'local' | 'distributed';
}
/** Replicas of the API for this schema. */
export interface Scaling {
  /** Fewest replicas. */
  min: number;
  /** Most replicas. */
  max: number;
  /** What adds replicas. */
  triggers?: ScalingTrigger[];
}
/** A measure that adds replicas. */
export interface ScalingTrigger {
  /** What is measured. */
  type: 'cpu' | 'memory' | 'requestsPerSecond';
  /** Value above which replicas are added. */
  threshold: number;
}
/** What is measured against a target. */
export interface Observability {
  /** Service level objectives. */
  slos?: ServiceLevelObjective[];
}
/** A target for one operation. */
export interface ServiceLevelObjective {
  operation: Operation;
  /** 99th percentile of the latency, in milliseconds. */
  targetP99Ms?: number;
  /** Share of requests that must succeed, 0.999 for example. */
  availability?: number;
  /** Span that the target covers. A duration: integer and s, m, h, d, w, mo or y. */
  window?: string;
}
/** An address that is told about changes. */
export interface Webhook {
  /** Name of the webhook. */
  name: string;
  /** Address, https. */
  url: string;
  /** Operations that are told; absent means every write. */
  events?: Operation[];
  secretRef: SecretKeyRef;
  /** Changes that are told; absent means all. A CEL expression. */
  filter?: string;
}
/** How the version ages. */
export interface Lifecycle {
  /** Where the version stands. */
  stage?: 'stable' | 'deprecated' | 'retired';
  /** Since when callers are warned. RFC 3339. */
  deprecatedAt?: string;
  /** When the version goes away. RFC 3339. */
  sunsetAt?: string;
  /** Refuse changes of the schema. */
  frozen?: boolean;
  migrateFrom?: MigrateFrom;
  /** Largest planner cost of one query. */
  maxQueryCost?: number;
}
/** Version that records are taken over from. */
export interface MigrateFrom {
  /** Version to take records from. */
  version: string;
  /** A CEL expression for each field that changes. */
  mapping?: {
    /** A CEL expression. */
    [k: string]: string;
  };
}
/** What the platform last observed; written by the platform only. */
export interface SchemaDefinitionStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
  /** Revision that the API serves. */
  activeRevision?: number;
  /** Hash of the access rules in force. */
  policyHash?: string;
  /** Table that holds the records. */
  pgTable?: string;
  /** When the table was first ready. RFC 3339. */
  provisionedAt?: string;
  /** Records, as last counted. */
  records?: number;
  plan?: SchemaPlan;
  /** Versions that are served side by side, the oldest first. */
  versions?: SchemaVersion[];
  migration?: VersionMigration;
  searchRebuild?: SearchRebuild;
}
/** What would be done to reach the wanted state. */
export interface SchemaPlan {
  /** Hash of the plan, for approval. */
  hash?: string;
  /** Steps, in order. */
  steps?: SchemaPlanStep[];
  /** Wait for approval of exactly this plan. */
  needsApproval?: boolean;
}
/** One step of a plan. */
export interface SchemaPlanStep {
  /** What the step does. */
  summary: string;
  /** How much it disturbs. */
  class?: 'safe' | 'online' | 'breaking';
  /** Strongest lock that it takes. */
  lock?: string;
  /** Statement that it runs. */
  sql?: string;
}
/** One version that is served. */
export interface SchemaVersion {
  /** API version, the last part of its route. */
  version: string;
  /** Revision of it that the API serves. */
  revision: number;
  /** Table that holds its records. */
  pgTable?: string;
  /** Whether it serves, takes its records over, or was followed by another one. */
  state: 'serving' | 'receiving' | 'superseded';
  /** Version that its records have moved to. */
  successor?: string;
  /** Since when callers are warned. RFC 3339. */
  deprecatedAt?: string;
  /** When it goes away. RFC 3339. */
  sunsetAt?: string;
}
/** The latest migration of records from one version to another. */
export interface VersionMigration {
  /** Which one it is, as the request for it was answered. */
  id: string;
  /** Version that records are taken over from. */
  from: string;
  /** Version that takes them over. */
  to: string;
  /** How far it is. */
  state: 'requested' | 'copying' | 'inStep' | 'undoing' | 'done' | 'failed' | 'cancelled';
  /** Records taken over so far. */
  copied?: number;
  /** Records to take over, as Postgres estimates them. */
  records?: number;
  /** What happens, or what went wrong. */
  message?: string;
}
/** A search index that is being rebuilt. */
export interface SearchRebuild {
  /** Collection that serves meanwhile. */
  sourceConcrete: string;
  /** Collection that is being filled. */
  targetConcrete: string;
  /** When the rebuild started. RFC 3339. */
  startedAt: string;
  /** Records indexed so far. */
  rowsProcessed?: number;
  /** When changes were last replayed. RFC 3339. */
  lastDeltaAt?: string;
  /** When the rebuild finished. RFC 3339. */
  finishedAt?: string;
  /** What went wrong. */
  error?: string;
}
/** Terms that mean the same in searches of a schema. */
export interface SynonymSet {
  apiVersion: 'velocity.sh/v1';
  kind: 'SynonymSet';
  metadata: ObjectMeta;
  spec: SynonymSetSpec;
  status?: SynonymSetStatus;
}
/** Which terms mean the same. */
export interface SynonymSetSpec {
  /** Name of the schema. */
  schema: string;
  /** API version of the schema; absent means every version. */
  version?: string;
  /** Terms that mean the same. */
  synonyms?: Synonym[];
}
/** What the platform last observed; written by the platform only. */
export interface SynonymSetStatus {
  phase?: Phase;
  /** Generation of the spec that this status describes. */
  observedGeneration?: number;
  /** Observations, one for each type. */
  conditions?: Condition[];
}

/** Every kind, with the names that commands and addresses may use for it. */
export const kinds = [
  {
    kind: 'ApiKey',
    plural: 'apikeys',
    singular: 'apikey',
    shortNames: ['ak'],
    scope: 'Namespaced',
  },
  {
    kind: 'Application',
    plural: 'applications',
    singular: 'application',
    shortNames: ['vapp'],
    scope: 'Namespaced',
  },
  {
    kind: 'ArchivePolicy',
    plural: 'archivepolicies',
    singular: 'archivepolicy',
    shortNames: ['archp'],
    scope: 'Namespaced',
  },
  {
    kind: 'AuthStrategy',
    plural: 'authstrategies',
    singular: 'authstrategy',
    shortNames: ['auth'],
    scope: 'Namespaced',
  },
  {
    kind: 'Domain',
    plural: 'domains',
    singular: 'domain',
    shortNames: ['dom'],
    scope: 'Namespaced',
  },
  {
    kind: 'ErasureRequest',
    plural: 'erasurerequests',
    singular: 'erasurerequest',
    shortNames: ['erase'],
    scope: 'Namespaced',
  },
  {
    kind: 'LegalHold',
    plural: 'legalholds',
    singular: 'legalhold',
    shortNames: ['hold'],
    scope: 'Namespaced',
  },
  {
    kind: 'LogFilterPolicy',
    plural: 'logfilterpolicies',
    singular: 'logfilterpolicy',
    shortNames: ['lfp'],
    scope: 'Namespaced',
  },
  {
    kind: 'LogRoutingPolicy',
    plural: 'logroutingpolicies',
    singular: 'logroutingpolicy',
    shortNames: ['lrp'],
    scope: 'Namespaced',
  },
  {
    kind: 'Organisation',
    plural: 'organisations',
    singular: 'organisation',
    shortNames: ['org'],
    scope: 'Namespaced',
  },
  {
    kind: 'PurgeRequest',
    plural: 'purgerequests',
    singular: 'purgerequest',
    shortNames: ['purge'],
    scope: 'Namespaced',
  },
  {
    kind: 'RoleBinding',
    plural: 'rolebindings',
    singular: 'rolebinding',
    shortNames: ['vrb'],
    scope: 'Namespaced',
  },
  {
    kind: 'SchemaDefinition',
    plural: 'schemadefinitions',
    singular: 'schemadefinition',
    shortNames: ['sd'],
    scope: 'Namespaced',
  },
  {
    kind: 'SynonymSet',
    plural: 'synonymsets',
    singular: 'synonymset',
    shortNames: ['syn'],
    scope: 'Namespaced',
  },
] as const;

export type Kind = Resource['kind'];

/** The resource type of a kind: `ResourceOf<'ApiKey'>` is `ApiKey`. */
export type ResourceOf<K extends Kind> = Extract<Resource, { kind: K }>;
