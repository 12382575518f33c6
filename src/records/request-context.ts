import type { Access } from '../auth/access.ts';
import { authorize, findAccess } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import { callerOf } from '../auth/caller.ts';
import { isStanding, requireStanding, standingHolds } from '../auth/policies.ts';
import { acceptsIdentity, requireStrategy } from '../auth/strategy-choice.ts';
import type { Identity } from '../contract/identity.ts';
import type { Operation } from '../contract/kinds.ts';
import { assert, VelocityError } from '../errors.ts';
import type { CallerAt } from '../query/caller-value.ts';
import type { RegistrySnapshot } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { VersionStanding } from '../schema/version-standing.ts';
import type { Pipeline } from '../store/pipeline.ts';
import type { Pool } from '../store/pool.ts';
import type { SessionContext } from '../store/statement.ts';
import type { RecordQuotas } from './record-quotas.ts';

export interface RecordsDeps {
  readonly pipeline: Pipeline;
  /** For the transactions that decide between their statements. */
  readonly pool: Pool;
  readonly newId: () => string;
  readonly cursorSecret: string;
  /** Absent: nothing is bounded. */
  readonly quotas?: RecordQuotas;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One request: who asks, by which snapshot, and what the audit should know. */
export interface RequestContext {
  readonly deps: RecordsDeps;
  readonly identity: Identity;
  readonly snapshot: RegistrySnapshot;
  readonly requestId: string;
  readonly method: string;
  /** The caller's, as trusted proxies tell it. */
  readonly address: string;
  readonly reason?: string;
  readonly ticketRef?: string;
  readonly idempotency?: Idempotency;
}

export interface Idempotency {
  readonly key: string;
  /** Method and path: the same key elsewhere is another key. */
  readonly route: string;
  /** SHA-256 of the body. */
  readonly bodyHash: Buffer;
}

export interface RecordAnswer {
  readonly status: 200 | 201;
  readonly id: string;
  readonly version: number;
  /** JSON text as Postgres built it: it passes through unparsed. */
  readonly data: string;
  /** True when the answer is that of an earlier request with the same idempotency key. */
  readonly replayed: boolean;
}

type RecordOperation = Exclude<Operation, '*'>;

export function authorizeFor(
  ctx: RequestContext,
  schema: CompiledSchema,
  operation: RecordOperation,
): Access {
  requireStrategy(ctx.identity, schema, operation, ctx.snapshot);
  const access = authorize({
    identity: ctx.identity,
    snapshot: ctx.snapshot,
    schema,
    operation,
    nowMs: ctx.deps.now(),
  });
  const policies = [...access.readPolicies, ...access.policies].filter(isStanding);
  if (policies.length > 0) requireStanding(policies, callerFor(ctx, access, operation));
  return access;
}

/** Who asks, as the expressions of the schema that the access is for see it. */
export function callerFor(ctx: RequestContext, access: Access, operation: RecordOperation): Caller {
  const { identity, method, address, reason, ticketRef } = ctx;
  const { roles, grants } = access;
  const nowMs = ctx.deps.now();
  return callerOf({
    ...{ identity, roles, grants },
    evaluationMs: ctx.snapshot.strategies.get(identity.strategy)?.spec.config.cel?.maxExecutionMs,
    request: { operation, method, address, nowMs, reason, ticketRef },
  });
}

/** The same for every schema that a statement over `schema` reaches: others are only read. */
export function callersAt(
  ctx: RequestContext,
  schema: CompiledSchema,
  access: Access,
  operation: RecordOperation,
): CallerAt {
  return readersAt(ctx, new Map([[schema.path, callerFor(ctx, access, operation)]]));
}

/** The same where all schemas are read. */
export function readersAt(ctx: RequestContext, known = new Map<string, Caller>()): CallerAt {
  return (path) => {
    let caller = known.get(path);
    if (caller === undefined) {
      const other = ctx.snapshot.targets.get(path);
      const reading = other && findReadAccess(ctx, other);
      assert(reading !== undefined, 'a statement asks policies of readable schemas alone');
      caller = callerFor(ctx, reading, 'read');
      known.set(path, caller);
    }
    return caller.bindings;
  };
}

/** Undefined where the caller may not: for the schemas that an include or a reference leads to. */
export function findReadAccess(ctx: RequestContext, schema: CompiledSchema): Access | undefined {
  // The other schema's strategy counts as well: whom it would not believe sees nothing of it.
  if (!acceptsIdentity(ctx.identity, schema, 'read', ctx.snapshot)) return undefined;
  const access = findAccess({
    identity: ctx.identity,
    snapshot: ctx.snapshot,
    schema,
    operation: 'read',
    nowMs: ctx.deps.now(),
  });
  if (access === undefined || !access.policies.some(isStanding)) return access;
  return standingHolds(access.policies, callerFor(ctx, access, 'read')) ? access : undefined;
}

/** A write's rights, once the schema takes writes at all and the audit has what it asks for. */
export function authorizeWrite(
  ctx: RequestContext,
  schema: CompiledSchema,
  operation: 'create' | 'update' | 'delete',
): Access {
  const access = authorizeFor(ctx, schema, operation);
  const { lifecycle, audit } = schema.spec;
  if (schema.standing) throw writesRefused(schema, schema.standing);
  if (lifecycle?.frozen === true || schema.frozen === true) {
    throw new VelocityError(
      'SCHEMA_FROZEN',
      `${schema.path} is frozen: records can be read, not written.`,
    );
  }
  const wanted = (operations: readonly Operation[] | undefined): boolean =>
    operations !== undefined && (operations.includes(operation) || operations.includes('*'));
  if (wanted(audit?.writes?.requireReason) && !ctx.reason) {
    throw new VelocityError(
      'AUDIT_REASON_REQUIRED',
      `Every ${operation} on ${schema.path} needs a reason.`,
      {
        hint: 'Send it as the X-Audit-Reason header or ?reason=.',
      },
    );
  }
  if (wanted(audit?.writes?.requireTicketRef) && !ctx.ticketRef) {
    throw new VelocityError(
      'TICKET_REF_REQUIRED',
      `Every ${operation} on ${schema.path} needs a ticket.`,
      {
        hint: 'Send it as the X-Ticket-Ref header.',
      },
    );
  }
  return access;
}

/** Records that are on their way from one version to another have one place where they change. */
function writesRefused({ path }: CompiledSchema, { state, successor }: VersionStanding) {
  const at = path.slice(0, path.lastIndexOf('/'));
  const [message, hint] =
    state === 'receiving'
      ? [`${path} is taking its records over.`, 'Write to the version before it for now.']
      : [`The records of ${path} have moved.`, `Write to /api/${at}/${successor}.`];
  return new VelocityError('SCHEMA_FROZEN', message, { hint });
}

/** What the transaction runs as. `others` are further schemas that the statement reads. */
export function sessionOf(
  ctx: RequestContext,
  schema: CompiledSchema,
  access: Access,
  others: readonly Access[] = [],
): SessionContext {
  const grants =
    others.length === 0
      ? access.grantsText
      : [access, ...others].map((one) => one.grantsText).join(',');
  return {
    role: schema.pgRole,
    organisation: schema.organisation,
    actor: ctx.identity.actor,
    actorType: ctx.identity.actorType,
    strategy: ctx.identity.strategy,
    requestId: ctx.requestId,
    grants: `{${grants}}`,
    reason: ctx.reason,
    ticketRef: ctx.ticketRef,
    failMode: ctx.identity.failMode,
  };
}
