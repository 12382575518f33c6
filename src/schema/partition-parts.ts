import { quoteIdentifier, quoteLiteral } from './identifier.ts';
import { nextName } from './placed-field.ts';
import type { PlanStep } from './plan-step.ts';
import { planStep, validating } from './plan-step.ts';

/**
 * A foreign key of a partitioned table: before PostgreSQL 18 it cannot be NOT VALID. So its partitions
 * have theirs first, not valid and then validated, and the table takes those over without a scan.
 */
export function referencePartitions(table: string, name: string, definition: string): PlanStep[] {
  const next = quoteIdentifier(nextName(name));
  const on = quoteLiteral(table);
  const known = (relation: string): string =>
    `exists (select from pg_constraint k where k.conrelid = ${relation} and k.conname = ${quoteLiteral(nextName(name))})`;
  const each = (condition: string, statement: string, first = ''): string => `do $partitions$
    declare v_partition regclass;
    begin
      ${first}
      for v_partition in select h.inhrelid::regclass from pg_inherits h
                          where h.inhparent = ${on}::regclass and ${condition} order by 1 loop
        execute format(${quoteLiteral(statement)}, v_partition);
      end loop;
    end $partitions$`;
  const shared = { lock: 'SHARE ROW EXCLUSIVE' } as const;
  const escaped = `${next} ${definition}`.replaceAll('%', '%%');
  return [
    planStep(
      'change',
      `constrain ${name} of each partition`,
      each(`not ${known('h.inhrelid')}`, `alter table %s add constraint ${escaped} not valid`),
      shared,
    ),
    planStep(
      'change',
      `validate ${name} of each partition`,
      each(known('h.inhrelid'), `alter table %s validate constraint ${next.replaceAll('%', '%%')}`),
      validating,
    ),
    planStep(
      'change',
      `constrain ${name}`,
      `do $table$ begin
        if not ${known(`${on}::regclass`)} then
          alter table ${table} add constraint ${next} ${definition};
        end if;
      end $table$`,
      shared,
    ),
  ];
}

/** Indexes of partitions are called after their table's: `{index}~{oid of the partition}`. */
export function namePartitionIndexes(table: string): string {
  return `do $names$
    declare v_part record;
    begin
      for v_part in
        select h.inhrelid::regclass as child, left(p.relname, 52) || '~' || c.indrelid as name
          from pg_index x
          join pg_class p on p.oid = x.indexrelid
          join pg_inherits h on h.inhparent = x.indexrelid
          join pg_index c on c.indexrelid = h.inhrelid
          join pg_class i on i.oid = h.inhrelid
         where x.indrelid = ${quoteLiteral(table)}::regclass and i.relname <> left(p.relname, 52) || '~' || c.indrelid
         order by 2
      loop
        execute format('alter index %s rename to %I', v_part.child, v_part.name);
      end loop;
    end $names$`;
}
