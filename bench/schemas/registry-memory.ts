import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { recordValidator } from '../../src/records/record-validator.ts';
import { openRegistry } from '../../src/resources/registry/registry.ts';
import { openPool } from '../../src/store/pool.ts';

/** What the registry of one replica holds, in bytes of heap after collecting garbage. */
export interface RegistryMemory {
  readonly schemas: number;
  /** From the first statement to a snapshot that serves. */
  readonly syncMs: number;
  /** Once more, when nothing has changed. */
  readonly resyncMs: number;
  readonly snapshotBytes: number;
  /** With the validator of every schema, as after a write to each. */
  readonly validatorsBytes: number;
}

/** Measures in a process of its own that can collect its garbage. */
export function measureRegistryMemory(databaseUrl: string): Promise<RegistryMemory> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (memory: RegistryMemory) => resolve(memory));
    child.once('exit', (code) => reject(new Error(`the measurement ended with ${code}`)));
  });
}

async function measure(connectionString: string): Promise<RegistryMemory> {
  const pool = openPool({ connectionString, application: 'registry memory', size: 2 });
  await pool.query({ text: 'select 1' });
  const before = heapBytes();
  const startedAt = performance.now();
  const registry = await openRegistry({
    ...{ pool, connectionString, observe: () => {}, now: Date.now },
  });
  const syncMs = performance.now() - startedAt;
  const { schemas } = registry.snapshot();
  const snapshotBytes = heapBytes() - before;
  const againAt = performance.now();
  await registry.refresh();
  const resyncMs = performance.now() - againAt;
  for (const schema of schemas.values()) recordValidator(schema)({});
  const validatorsBytes = heapBytes() - before;
  const found = { schemas: schemas.size, syncMs, resyncMs, snapshotBytes, validatorsBytes };
  await registry.close();
  await pool.close();
  return found;
}

function heapBytes(): number {
  for (let n = 0; n < 4; n++) (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  const memory = await measure(process.argv[2] ?? '');
  process.send(memory, () => process.disconnect());
}
