import type { Pool } from './pool.ts';

interface RoleFacts {
  readonly role: string;
  readonly superuser: boolean;
  readonly bypassRls: boolean;
  readonly inherits: boolean;
  readonly createRole: boolean;
  readonly ownedTable: string | null;
  readonly mayBecome: string | null;
}

/**
 * Proves that the API's login role can be trusted with nothing: every guarantee of row-level
 * security rests on it. Throws a sentence that names the role and the attribute.
 */
export async function proveApiRole(pool: Pool): Promise<void> {
  const { rows } = await pool.query<RoleFacts>({
    text: `
      select r.rolname as role, r.rolsuper as superuser, r.rolbypassrls as "bypassRls", r.rolinherit as inherits,
             r.rolcreaterole as "createRole",
             (select format('%I.%I', n.nspname, c.relname)
                from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relowner = r.oid and c.relkind in ('r', 'p') and n.nspname not like 'pg\\_temp%'
               order by 1 limit 1) as "ownedTable",
             (select o.rolname
                from pg_roles o
               where o.oid <> r.oid and pg_has_role(r.oid, o.oid, 'SET')
                 and (o.rolsuper or o.rolbypassrls or o.rolcreaterole or o.rolname like 'pg\\_%'
                      or exists (select from pg_class c where c.relowner = o.oid and c.relkind in ('r', 'p')))
               order by o.rolname limit 1) as "mayBecome"
        from pg_roles r
       where r.rolname = session_user`,
  });
  const facts = rows[0];
  if (facts === undefined)
    throw new Error('the database does not know the role that the API logged in as');
  const remedy = 'let VELOCITY_DATABASE_URL log in as velocity_api, which velocity migrate creates';
  const refuse = (attribute: string): never => {
    throw new Error(
      `the API refuses to start: its database role "${facts.role}" ${attribute}; ${remedy}`,
    );
  };
  if (facts.superuser) refuse('is SUPERUSER');
  if (facts.bypassRls) refuse('has BYPASSRLS');
  if (facts.ownedTable !== null) refuse(`owns the table ${facts.ownedTable}`);
  if (facts.inherits) refuse('has INHERIT');
  if (facts.createRole) refuse('has CREATEROLE');
  if (facts.mayBecome !== null) refuse(`may become ${facts.mayBecome}`);
}
