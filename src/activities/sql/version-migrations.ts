import type { Transaction } from '../../store/pool.ts';

export type MigrationState =
  | 'requested'
  | 'copying'
  | 'inStep'
  | 'undoing'
  | 'done'
  | 'failed'
  | 'cancelled';

export interface VersionMigration {
  readonly id: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly state: MigrationState;
  /** Stay in step until somebody says go on. */
  readonly hold: boolean;
  /** A duration from the cut-over on. */
  readonly sunset: string | null;
  /** Ids up to here have been copied. */
  readonly copiedUpTo: string | null;
  readonly copied: number;
  readonly followed: number;
  readonly records: number;
  readonly message: string | null;
  readonly requestedBy: string;
}

const columns = `id, from_version as "fromVersion", to_version as "toVersion", state, hold, sunset,
  copied_up_to as "copiedUpTo", copied, followed, records, message, requested_by as "requestedBy"`;

interface SchemaKey {
  readonly namespace: string;
  readonly name: string;
}

export async function findOpenMigration(
  tx: Transaction,
  key: SchemaKey,
): Promise<VersionMigration | undefined> {
  const { rows } = await tx.query<VersionMigration>({
    name: 'activities.open-migration',
    text: `
      select ${columns}
        from platform.version_migrations
       where namespace = $1::text and name = $2::text and state in ('requested', 'copying', 'inStep', 'undoing')`,
    values: [key.namespace, key.name],
  });
  return rows[0];
}

export async function findMigration(
  tx: Transaction,
  id: string,
): Promise<VersionMigration | undefined> {
  const { rows } = await tx.query<VersionMigration>({
    name: 'activities.find-migration',
    text: `select ${columns} from platform.version_migrations where id = $1::uuid`,
    values: [id],
  });
  return rows[0];
}

/** The same, and nobody else goes on with it until the transaction ends. */
export async function lockMigration(
  tx: Transaction,
  id: string,
): Promise<VersionMigration | undefined> {
  const { rows } = await tx.query<VersionMigration>({
    name: 'activities.lock-migration',
    text: `select ${columns} from platform.version_migrations where id = $1::uuid for update`,
    values: [id],
  });
  return rows[0];
}

/** What is not given stays as it is. */
export async function updateMigration(
  tx: Transaction,
  id: string,
  changes: Partial<
    Pick<VersionMigration, 'state' | 'message' | 'records' | 'copied' | 'followed' | 'copiedUpTo'>
  >,
): Promise<void> {
  const { state, message, records, copied, followed, copiedUpTo } = changes;
  await tx.query({
    name: 'activities.update-migration',
    text: `
      update platform.version_migrations
         set state = coalesce($2::text, state), message = coalesce($3::text, message),
             records = coalesce($4::bigint, records), copied = coalesce($5::bigint, copied),
             followed = coalesce($6::bigint, followed), copied_up_to = coalesce($7::uuid, copied_up_to),
             changed_at = clock_timestamp()
       where id = $1::uuid`,
    values: [
      id,
      ...[state, message, records, copied, followed, copiedUpTo].map((value) => value ?? null),
    ],
  });
}
