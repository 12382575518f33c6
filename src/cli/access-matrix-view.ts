import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { AccessMatrix, RoleRow } from '../schema/access-matrix.ts';
import { operations } from '../schema/access-matrix.ts';
import type { Cli } from './cli.ts';
import { renderTable } from './output.ts';

/** Two tables: what each role may do with which rows, and with each field. */
export function describeMatrix(
  cli: Cli,
  spec: SchemaDefinitionSpec,
  { roles, fields }: AccessMatrix,
): string {
  const ofRoles = renderTable(cli, {
    head: ['ROLE', 'OPERATIONS', 'ROWS'],
    rows: roles.map((row) => [
      row.isAdmin ? `${row.role} (admin)` : row.role,
      row.operations.length === operations.length ? 'all' : row.operations.join(' '),
      rowsOf(spec, row),
    ]),
    empty: 'no role is granted anything',
  });
  const ofFields = renderTable(cli, {
    head: ['FIELD', ...roles.map(({ role }) => role)],
    rows: fields.map((field) => [field, ...roles.map((row) => rightsOn(field, row))]),
    empty: 'there are no fields',
  });
  const legend = 'r read, m read masked, c set on create, u update, - nothing';
  return [ofRoles, '', ofFields, '', legend].join('\n');
}

function rowsOf(spec: SchemaDefinitionSpec, { rowFilters }: RoleRow): string {
  const filters = rowFilters.map((index) => spec.access.rowFilter?.[index]?.filter);
  if (filters.length === 0) return 'all';
  return filters
    .flatMap((filter) => filter ?? [])
    .map(
      ({ field, op, value }) =>
        `${field} ${op} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    .join(' and ');
}

/** `rcu`: one letter for each thing that the role may do with the field. */
function rightsOn(field: string, { fields, masked }: RoleRow): string {
  const shown = Object.values(fields).some((ofOperation) => ofOperation[field] !== 'none');
  const letters = [
    shown ? (masked.includes(field) ? 'm' : 'r') : '',
    fields['create']?.[field] === 'write' ? 'c' : '',
    fields['update']?.[field] === 'write' ? 'u' : '',
  ].join('');
  return letters === '' ? '-' : letters;
}

/** role,operation,field,right with a line for each. */
export function csvOfMatrix({ roles }: AccessMatrix): string {
  const lines = roles.flatMap(({ role, fields }) =>
    Object.entries(fields).flatMap(([operation, rights]) =>
      Object.entries(rights).map(([field, right]) =>
        [role, operation, field, right].map(quoted).join(','),
      ),
    ),
  );
  return ['role,operation,field,right', ...lines].join('\n');
}

/** A role may be called anything. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
