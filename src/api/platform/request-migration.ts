import type { SchemaDefinition } from '../../contract/kinds.ts';
import { VelocityError, validationError } from '../../errors.ts';
import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../../resources/plans/sql/active-revisions.ts';
import { isReady } from '../../resources/status.ts';
import type { Pool, Transaction } from '../../store/pool.ts';
import type { Promotion } from './parse-promotion.ts';

/** A migration as its request is answered; the schema's status tells how far it is. */
export interface MigrationView {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly state: string;
  readonly hold: boolean;
}

/**
 * Keeps the wish to move the records of a schema to its newest version, and the request for the
 * workflow that does it. One that runs is answered as it is; one that is held goes on, unless it is to
 * be held.
 */
export async function requestMigration(
  pool: Pool,
  schema: SchemaDefinition,
  { actor, ...promotion }: Promotion & { readonly actor: string },
): Promise<MigrationView> {
  const { namespace, name } = schema.metadata;
  return pool.transaction(async (tx) => {
    await tx.query({
      text: `select set_config('velocity.actor', $1::text, true)`,
      values: [actor],
    });
    const open = await findOpen(tx, { namespace, name });
    if (open !== undefined && open.to === promotion.to) {
      if (!open.hold || promotion.hold) return open;
      await releaseHold(tx, open.id);
      return { ...open, hold: false };
    }
    const from = decideFrom(
      schema,
      promotion,
      await findActiveRevisions(tx, [{ namespace, name }]),
    );
    return insertMigration(tx, { namespace, name, from, actor, ...promotion });
  });
}

/** The version that the records come from; throws what stands against the promotion. */
function decideFrom(
  schema: SchemaDefinition,
  { to }: Promotion,
  served: readonly ActiveRevision[],
): string {
  const { spec, metadata } = schema;
  if (spec.version !== to) {
    const message = `The newest version of ${metadata.name} is ${spec.version}, not ${to}.`;
    const hint = `Apply the schema with version: ${to} first; it is then served beside ${spec.version}.`;
    throw validationError(message, [
      { pointer: '/to', rule: 'newest', message: 'is not it', hint },
    ]);
  }
  const target = served.find((one) => one.spec.version === to);
  if (target === undefined || !isReady(schema)) {
    throw conflict(`${metadata.name} ${to} is not ready.`, 'velocity describe sd says why.');
  }
  const wanted = spec.lifecycle?.migrateFrom?.version ?? newestBefore(to, served);
  const source = served.find((one) => one.spec.version === wanted);
  if (source === undefined || wanted === undefined) {
    const message = `There is no ${wanted ?? 'earlier version'} that ${to} could take records from.`;
    throw conflict(message, 'GET /api lists what is served.');
  }
  if (source.standing?.state === 'superseded') {
    const { successor } = source.standing;
    throw new VelocityError(
      'SCHEMA_FROZEN',
      `The records of ${wanted} have moved to ${successor} already.`,
    );
  }
  return wanted;
}

function newestBefore(version: string, served: readonly ActiveRevision[]): string | undefined {
  const numberOf = (text: string): number => Number(text.slice(1));
  return served
    .map(({ spec }) => spec.version)
    .filter((each) => numberOf(each) < numberOf(version))
    .sort((a, b) => numberOf(b) - numberOf(a))[0];
}

function conflict(message: string, hint: string): VelocityError {
  return new VelocityError('APPROVAL_CONFLICT', message, { hint });
}

interface SchemaKey {
  readonly namespace: string;
  readonly name: string;
}

const view = `id, from_version as "from", to_version as "to", state, hold`;

async function findOpen(tx: Transaction, key: SchemaKey): Promise<MigrationView | undefined> {
  const { rows } = await tx.query<MigrationView>({
    name: 'api.find-open-migration',
    text: `
      select ${view} from platform.version_migrations
       where namespace = $1::text and name = $2::text and state in ('requested', 'copying', 'inStep', 'undoing')`,
    values: [key.namespace, key.name],
  });
  return rows[0];
}

/** What keeps the versions in step looks at it again when its outbox wakes it. */
async function releaseHold(tx: Transaction, id: string): Promise<void> {
  await tx.query({
    name: 'api.release-hold',
    text: `
      with released as (
        update platform.version_migrations set hold = false, changed_at = clock_timestamp()
         where id = $1::uuid returning 1)
      select pg_notify('velocity_outbox', '') from released`,
    values: [id],
  });
}

async function insertMigration(
  tx: Transaction,
  wish: SchemaKey & Promotion & { readonly from: string; readonly actor: string },
): Promise<MigrationView> {
  const { namespace, name, from, to, hold, sunset, actor } = wish;
  const { rows } = await tx.query<MigrationView>({
    name: 'api.insert-migration',
    text: `
      with migration as (
        insert into platform.version_migrations
               (namespace, name, from_version, to_version, hold, sunset, requested_by)
        values ($1::text, $2::text, $3::text, $4::text, $5::boolean, $6::text, $7::text)
        returning ${view}
      ), request as (
        insert into platform.workflow_requests (workflow, kind, namespace, name, requested_by)
        values ('migrateVersion', 'SchemaDefinition', $1::text, $2::text, $7::text)
      ), entry as (
        select platform.audit_event(d.organisation, null, null, 'promote-version', 'ok', null,
                 jsonb_build_object('schema', $1::text || '/' || $2::text, 'from', $3::text, 'to', $4::text))
          from platform.domains d where d.namespace = $1::text
      )
      select migration.* from migration, (select count(*) from entry) as audited`,
    values: [namespace, name, from, to, hold, sunset ?? null, actor],
  });
  const [migration] = rows;
  if (migration === undefined) throw new Error('the migration was not kept');
  return migration;
}
