import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { ApiClient } from './api-client.ts';
import type { Cli } from './cli.ts';
import { CommandFailure, usageFailure } from './failures.ts';
import { splitAssignment } from './option-values.ts';
import { findSchemaFields } from './schema-fields.ts';
import { typedValue } from './typed-value.ts';

export interface RecordInputOptions {
  readonly file?: string;
  readonly data?: Record<string, unknown>;
}

export interface AuditOptions {
  readonly reason?: string;
  readonly ticket?: string;
}

/** Options of every command that writes a record. */
export function withAuditOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why, for schemas whose audit asks for it')
    .option('--ticket <reference>', 'ticket reference, likewise');
}

export function auditHeaders({ reason, ticket }: AuditOptions): Record<string, string | undefined> {
  return { 'x-audit-reason': reason, 'x-ticket-ref': ticket };
}

/** From `--data`, `--file` and `field=value` together; the later ones win. */
export async function readRecordInput(
  cli: Cli,
  api: ApiClient,
  path: string,
  assignments: readonly string[],
  options: RecordInputOptions,
): Promise<Record<string, unknown>> {
  const record: Record<string, unknown> = { ...options.data };
  if (options.file !== undefined) Object.assign(record, await readObject(cli, options.file));
  if (assignments.length > 0) {
    const fields = await findSchemaFields(api, path);
    for (const assignment of assignments) {
      const [name, value] = splitAssignment(assignment, 'field=value');
      record[name] = typedValue(fields.get(name) ?? 'text', value);
    }
  }
  if (Object.keys(record).length === 0) {
    throw usageFailure(
      'there is nothing to write',
      'Give field=value …, --data JSON or --file FILE.',
    );
  }
  return record;
}

async function readObject(cli: Cli, file: string): Promise<Record<string, unknown>> {
  const content = file === '-' ? await text(cli.stdin) : await readText(cli, file);
  let value: unknown;
  try {
    value = parse(content);
  } catch (error) {
    throw new CommandFailure(`${file} is neither JSON nor YAML: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new CommandFailure(`${file} does not hold one record`, {
    hint: 'For many: velocity load SCHEMA FILE',
  });
}

async function readText(cli: Cli, file: string): Promise<string> {
  try {
    return await readFile(resolve(cli.workingDirectory, file), 'utf8');
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${(error as Error).message}`);
  }
}
