import type { TableName } from '../../resources/plans/sql/referrers.ts';
import type { Transaction } from '../../store/pool.ts';

/** A place in an outbox: its rows are ordered by the transaction that wrote them, then by number. */
export interface OutboxPlace {
  readonly xid: string;
  readonly id: string;
}

export interface Consumer extends TableName {
  readonly consumer: string;
}

/** A consumer begins at the beginning; one that is known stays where it is. */
export async function openPosition(
  tx: Transaction,
  { pgNamespace, pgTable, consumer }: Consumer,
): Promise<void> {
  await tx.query({
    name: 'activities.open-outbox-position',
    text: `
      insert into platform.outbox_positions (pg_namespace, pg_table, consumer)
      values ($1::text, $2::text, $3::text) on conflict do nothing`,
    values: [pgNamespace, pgTable, consumer],
  });
}

export async function findPosition(
  tx: Transaction,
  { pgNamespace, pgTable, consumer }: Consumer,
): Promise<OutboxPlace | undefined> {
  const { rows } = await tx.query<OutboxPlace>({
    name: 'activities.find-outbox-position',
    text: `
      select xid::text as xid, id::text as id
        from platform.outbox_positions
       where pg_namespace = $1::text and pg_table = $2::text and consumer = $3::text`,
    values: [pgNamespace, pgTable, consumer],
  });
  return rows[0];
}

export interface PendingRows {
  readonly rows: number;
  /** The last of them; undefined: there are none. */
  readonly last: OutboxPlace | undefined;
  /**
   * The last that nothing can still come before: a transaction with a lower number than this
   * snapshot's oldest open one has ended. A position never passes it, or late commits would be lost.
   */
  readonly settled: OutboxPlace | undefined;
}

/** What is behind a place, at most `limit` rows of it, as the transaction's snapshot sees it. */
export async function findPending(
  tx: Transaction,
  outbox: string,
  { after, limit }: { readonly after: OutboxPlace; readonly limit: number },
): Promise<PendingRows> {
  const { rows } = await tx.query<PendingRow>({
    text: `
      with pending as materialized (
        select o.xid, o.id from ${outbox} o
         where (o.xid, o.id) > ($1::xid8, $2::bigint)
         order by o.xid, o.id limit $3::bigint
      ), last as (select xid, id from pending order by xid desc, id desc limit 1
      ), settled as (
        select xid, id from pending where xid < pg_snapshot_xmin(pg_current_snapshot())
         order by xid desc, id desc limit 1
      )
      select (select count(*) from pending) as rows,
             (select array[xid::text, id::text] from last) as last,
             (select array[xid::text, id::text] from settled) as settled`,
    values: [after.xid, after.id, limit],
  });
  const [row] = rows;
  return { rows: row?.rows ?? 0, last: placeOf(row?.last), settled: placeOf(row?.settled) };
}

interface PendingRow {
  readonly rows: number;
  readonly last: readonly string[] | null;
  readonly settled: readonly string[] | null;
}

function placeOf(pair: readonly string[] | null | undefined): OutboxPlace | undefined {
  const [xid, id] = pair ?? [];
  return xid === undefined || id === undefined ? undefined : { xid, id };
}

/** The consumer has done everything up to `place`; rows that every consumer has done are removed. */
export async function advancePosition(
  tx: Transaction,
  {
    pgNamespace,
    pgTable,
    consumer,
    outbox,
    place,
  }: Consumer & { outbox: string; place: OutboxPlace },
): Promise<void> {
  await tx.query({
    name: 'activities.advance-outbox-position',
    text: `
      update platform.outbox_positions
         set xid = $4::text::xid8, id = $5::bigint
       where pg_namespace = $1::text and pg_table = $2::text and consumer = $3::text`,
    values: [pgNamespace, pgTable, consumer, place.xid, place.id],
  });
  await tx.query({
    text: `
      delete from ${outbox} o
       using (select p.xid, p.id from platform.outbox_positions p
               where p.pg_namespace = $1::text and p.pg_table = $2::text
               order by p.xid, p.id limit 1) as done
       where (o.xid, o.id) <= (done.xid, done.id)`,
    values: [pgNamespace, pgTable],
  });
}

export async function dropPosition(
  tx: Transaction,
  { pgNamespace, pgTable, consumer }: Consumer,
): Promise<void> {
  await tx.query({
    name: 'activities.drop-outbox-position',
    text: `
      delete from platform.outbox_positions
       where pg_namespace = $1::text and pg_table = $2::text and consumer = $3::text`,
    values: [pgNamespace, pgTable, consumer],
  });
}
