import type { SchemaDefinitionSpec } from '../contract/kinds.ts';

/** A desired schema in its place: the spec, and where its domain lives in Postgres. */
export interface DesiredSchema {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgRole: string;
}
