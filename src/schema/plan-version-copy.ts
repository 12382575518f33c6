import { systemColumns } from '../contract/names.ts';
import { historyTableName, outboxTableName } from './compile.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import type { SchemaReference } from './schema-references.ts';
import type { VersionCheck } from './version-checks.ts';
import { planVersionChecks } from './version-checks.ts';
import type { CompileMapping, VersionEnd } from './version-mapping.ts';
import { mapVersion } from './version-mapping.ts';

export interface VersionCopyInput {
  readonly name: string;
  readonly pgNamespace: string;
  readonly from: VersionEnd;
  readonly to: VersionEnd;
  /** Of the new version. */
  readonly references: readonly SchemaReference[];
  readonly compile: CompileMapping;
}

/** The statements that carry records from one version's table to the next's. */
export interface VersionCopy {
  /** Why it cannot be done; empty: it can. */
  readonly problems: readonly string[];
  /** Fields that the new version takes nothing from. */
  readonly leftBehind: readonly string[];
  readonly checks: readonly VersionCheck[];
  /** $1 the last id, $2 a number of records. Answers `last`, `seen` and `copied`. */
  readonly copy: string;
  /** $1, $2 a position in the outbox, $3, $4 another: takes back what has changed between them. */
  readonly forget: string;
  /** The same parameters: takes over what has changed between them. */
  readonly follow: string;
  /** $1 the last id, $2 a number of records, $3, $4 a position. Answers what differs. */
  readonly compare: string;
  /** $1 the last id, $2 a number of records. Answers `last`, `seen` and `taken`. */
  readonly takeBack: string;
  readonly outbox: string;
}

/**
 * Ids, versions, times and authors come along, deleted records too. Whoever runs these sees both
 * tables and the outbox in one snapshot: then whatever is in the new table was in the old one at that
 * instant, and no constraint that holds there can fail here.
 */
export function planVersionCopy(input: VersionCopyInput): VersionCopy {
  const { name, pgNamespace, from, to, references } = input;
  const { fields, problems, leftBehind } = mapVersion(from, to, input.compile);
  const source = quoteQualified(pgNamespace, from.pgTable);
  const target = quoteQualified(pgNamespace, to.pgTable);
  const history = quoteQualified(pgNamespace, historyTableName(name, to.spec.version));
  const outbox = quoteQualified(pgNamespace, outboxTableName(name, from.spec.version));
  const columns = [...systemColumns, ...fields.map(({ field }) => field.name)].map(quoteIdentifier);
  const values = [
    ...systemColumns.map((column) => `s.${quoteIdentifier(column)}`),
    ...fields.map(({ value }) => value),
  ];
  const comparable = [
    ...systemColumns.map((column) => [`s.${column}`, `t.${column}`] as const),
    ...fields.map(({ field, type, value }) => {
      // A point has no equality of its own.
      const text = type === 'point' ? '::text' : '';
      return [`(${value})${text}`, `t.${quoteIdentifier(field.name)}${text}`] as const;
    }),
  ];
  const insert = `insert into ${target} (${columns.join(', ')})`;
  const changed = `select o.record_id from ${outbox} o
      where (o.xid, o.id) > ($1::xid8, $2::bigint) and (o.xid, o.id) <= ($3::xid8, $4::bigint)`;
  const batchOf = (table: string): string =>
    `batch as materialized (select s.id from ${table} s where s.id > $1::uuid order by s.id limit $2::integer)`;
  const reached = `(select id::text from batch order by id desc limit 1) as last, (select count(*) from batch) as seen`;
  return {
    problems,
    leftBehind,
    checks: planVersionChecks({ to, fields, references, source, target }),
    outbox,
    copy: `with ${batchOf(source)}, copied as (
        ${insert} select ${values.join(', ')} from ${source} s
         where s.id in (select id from batch) and not exists (select from ${target} t where t.id = s.id)
        returning 1)
      select ${reached}, (select count(*) from copied) as copied`,
    forget: `delete from ${target} t where t.id in (${changed})`,
    follow: `${insert} select ${values.join(', ')} from ${source} s where s.id in (${changed})`,
    compare: `with ${batchOf(source)}, different as (
        select s.id from ${source} s left join ${target} t on t.id = s.id
         where s.id in (select id from batch)
           and (${comparable.map(([old]) => old).join(', ')}) is distinct from (${comparable.map(([, now]) => now).join(', ')})
           and not exists (select from ${outbox} o where o.record_id = s.id and (o.xid, o.id) > ($3::xid8, $4::bigint)))
      select ${reached}, (select count(*) from different) as different,
             (select min(id::text) from different) as example`,
    takeBack: `with ${batchOf(target)}, gone as (
        delete from ${target} t
         where t.id in (select id from batch)
           and exists (select from ${history} h
                         join platform.copies c on c.pg_namespace = ${quoteLiteral(pgNamespace)} and c.pg_table = ${quoteLiteral(to.pgTable)}
                        where h.id = t.id and h._occurred_at = t.updated_at and h._operation = 'copy'
                          and h._audit_id > c.opened_audit_id)
        returning 1)
      select ${reached}, (select count(*) from gone) as taken`,
  };
}
