import { postgresName, quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import { dropIds } from './partitioning.ts';

/** One statement, or several, that may be repeated. */
interface DdlStep {
  readonly name: string;
  readonly sql: string;
}

export interface DomainPlace {
  readonly pgNamespace: string;
  readonly pgRole: string;
}

/** Where a domain lives in Postgres. */
export function domainPlace(
  organisation: string,
  application: string,
  domain: string,
): DomainPlace {
  return {
    pgNamespace: postgresName(organisation, application, domain),
    pgRole: postgresName('velocity', organisation, application, domain),
  };
}

/**
 * The namespace and role of a domain. velocity_api may become the role but inherits nothing from
 * it; velocity_audit may create history here and nobody may create anything else but the operator.
 */
export function planDomain({ pgNamespace, pgRole }: DomainPlace): DdlStep[] {
  const namespace = quoteIdentifier(pgNamespace);
  const role = quoteIdentifier(pgRole);
  return steps([
    ['create the namespace', `create schema if not exists ${namespace}`],
    [
      'create the role',
      // Roles belong to the whole server: another database may have made it a moment ago.
      `do $$ begin
         if not exists (select from pg_roles where rolname = ${quoteLiteral(pgRole)}) then
           create role ${role} nologin;
         end if;
       exception when duplicate_object or unique_violation then null;
       end $$`,
    ],
    [
      'grant rights',
      `grant ${role} to velocity_api with inherit false, set true;
       grant ${role} to velocity_operator with inherit false, set true;
       grant usage on schema ${namespace} to ${role};
       grant usage, create on schema ${namespace} to velocity_audit`,
    ],
  ]);
}

/**
 * The end of tables of one schema, in an order that is safe to repeat: tables, then their history. One
 * statement drops them, since versions of a schema may refer to each other.
 */
export function planSchemaRetirement(
  { pgNamespace }: Pick<DomainPlace, 'pgNamespace'>,
  pgTables: readonly string[],
): DdlStep[] {
  const tables = pgTables.map((pgTable) => quoteQualified(pgNamespace, pgTable)).join(', ');
  return steps([
    ['drop the tables', `drop table if exists ${tables}`],
    ...pgTables.map((pgTable): [string, string] => ['drop its ids', dropIds(pgNamespace, pgTable)]),
    ...pgTables.map((pgTable): [string, string] => [
      'drop the history',
      `select platform.drop_history(${quoteLiteral(pgNamespace)}, ${quoteLiteral(pgTable)})`,
    ]),
  ]);
}

/** The end of a domain. Its role may still hold rights in another database: then only it stays. */
export function planDomainRetirement({ pgNamespace, pgRole }: DomainPlace): DdlStep[] {
  const role = quoteIdentifier(pgRole);
  return steps([
    ['drop the namespace', `drop schema if exists ${quoteIdentifier(pgNamespace)}`],
    [
      'drop the role',
      `do $$ begin
         if exists (select from pg_roles where rolname = ${quoteLiteral(pgRole)}) then
           drop role ${role};
         end if;
       exception when dependent_objects_still_exist then null;
       end $$`,
    ],
  ]);
}

function steps(list: readonly (readonly [string, string])[]): DdlStep[] {
  return list.map(([name, sql]) => ({ name, sql }));
}
