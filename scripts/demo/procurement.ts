import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoApi, DemoRecord } from './dev-api.ts';
import { DemoFailure } from './dev-api.ts';

const base = '/api/acme/supply/procurement';
export const supplierPath = `${base}/supplier/v1`;
export const orderPath = `${base}/purchase-order/v1`;
export const linePath = `${base}/purchase-order-line/v1`;
const namespace = 'acme-supply-procurement';

const keyWaitMs = 10_000;
const keyPollMs = 200;

const suppliers = [
  ['S-100001', 'Kessler Präzision GmbH', 'emea', 'approved', 5, '250000.00', ['steel', 'iso-9001']],
  ['S-100002', 'Nordisk Kabel A/S', 'emea', 'approved', 4, '80000.00', ['cable']],
  ['S-200001', 'Great Lakes Fasteners', 'amer', 'approved', 4, '120000.00', ['steel']],
  ['S-300001', '大阪精密工業', 'apac', 'proposed', 3, '0.00', ['optics', 'iso-9001']],
] as const;

const orders = [
  ['PO-2026-000001', 'S-100001', 'emea', 'approved', 'EUR', '18250.00', '2026-01-12', '2026-02-20'],
  ['PO-2026-000002', 'S-100002', 'emea', 'submitted', 'EUR', '4312.50', '2026-02-03', '2026-02-28'],
  ['PO-2026-000003', 'S-200001', 'amer', 'approved', 'USD', '9980.10', '2026-01-20', '2026-03-01'],
  ['PO-2026-000004', 'S-300001', 'apac', 'draft', 'JPY', '1250000.00', '2026-02-10', null],
] as const;

const lines = [
  ['PO-2026-000001', 1, 'emea', 'STL-1040', 'Shaft, 40 mm, ground', '100.000', 'piece', '182.5000'],
  ['PO-2026-000002', 1, 'emea', 'CBL-0250', 'Cable, 2.5 mm²', '1500.000', 'metre', '2.8750'],
  ['PO-2026-000003', 1, 'amer', 'FST-8810', 'Bolt M8 × 10', '30000.000', 'piece', '0.3327'],
  ['PO-2026-000004', 1, 'apac', 'OPT-5500', 'Lens, coated', '50.000', 'piece', '25000.0000'],
] as const;

/** Four suppliers, four orders and their lines, each created unless it is there. */
export async function loadProcurement(api: DemoApi): Promise<void> {
  await Promise.all([supplierPath, orderPath, linePath].map((path) => api.waitForSchema(path)));
  const supplierIds = await createMissing(
    api,
    supplierPath,
    'supplier_code',
    suppliers.map(([supplier_code, name, region, status, rating, credit_limit, tags]) => ({
      supplier_code,
      name,
      region,
      status,
      rating,
      credit_limit,
      tags,
    })),
  );
  await createMissing(
    api,
    orderPath,
    'po_number',
    orders.map(([po_number, supplier, region, status, currency, total, ordered_on, needed_by]) => ({
      po_number,
      supplier: supplierIds.get(supplier),
      region,
      status,
      currency,
      total,
      ordered_on,
      needed_by,
    })),
  );
  await createMissing(
    api,
    linePath,
    'purchase_order', // each order here has one line
    lines.map(
      ([purchase_order, line_number, region, sku, description, quantity, unit, unit_price]) => ({
        purchase_order,
        line_number,
        region,
        sku,
        description,
        quantity,
        unit,
        unit_price,
      }),
    ),
  );
  console.log(
    `✓ procurement: ${suppliers.length} suppliers, ${orders.length} orders with their lines\n`,
  );
}

/** Ids of all records by the key field. */
async function createMissing(
  api: DemoApi,
  path: string,
  keyField: string,
  records: readonly DemoRecord[],
): Promise<Map<unknown, unknown>> {
  const stored = await api.listAll(path, { select: `id,${keyField}` });
  const ids = new Map(stored.map((record) => [record[keyField], record['id']]));
  for (const record of records) {
    if (ids.has(record[keyField])) continue;
    const { data } = (await api.call('POST', path, { body: record })) as { data: DemoRecord };
    ids.set(record[keyField], data['id']);
  }
  return ids;
}

export interface ActorKeys {
  readonly erika: string;
  readonly carlos: string;
}

/**
 * Keys of the two actors of samples/procurement, beside the ones of its manifests, which stay the
 * user's to issue. A key is shown once, so the demo keeps its own with the other secrets of
 * `velocity dev` and makes new ones when those no longer work.
 */
export async function findActorKeys(api: DemoApi, devFolder: string): Promise<ActorKeys> {
  const file = join(devFolder, '.velocity', 'demo', 'keys.json');
  const kept = await readKept(file);
  if (kept !== undefined && (await works(api, kept.erika)) && (await works(api, kept.carlos))) {
    return kept;
  }
  const keys = { erika: await createKey(api, 'erika'), carlos: await createKey(api, 'carlos') };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(keys)}\n`, { mode: 0o600 });
  return keys;
}

async function readKept(file: string): Promise<ActorKeys | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ActorKeys;
  } catch {
    return undefined;
  }
}

async function works(api: DemoApi, apiKey: string): Promise<boolean> {
  const { status } = await fetch(`${api.url}${supplierPath}?limit=1`, {
    headers: { 'x-api-key': apiKey },
  });
  return status === 200;
}

async function createKey(api: DemoApi, actor: string): Promise<string> {
  const name = `demo-${actor}`;
  // One whose text was lost stands in the way of a new one; there may be none, which is as well.
  await fetch(`${api.url}/api/platform/api-keys/${namespace}/${name}`, {
    method: 'DELETE',
    headers: { 'x-api-key': api.adminKey },
  });
  const body = { name, namespace, actor, actorType: 'user' };
  const answer = (await api.call('POST', '/api/platform/api-keys', { body })) as {
    data: { key: string };
  };
  const giveUpAt = Date.now() + keyWaitMs;
  // The API learns of new keys by NOTIFY, a moment after it has made one.
  while (!(await works(api, answer.data.key))) {
    if (Date.now() > giveUpAt) throw new DemoFailure(`the key of ${actor} does not work`);
    await sleep(keyPollMs);
  }
  return answer.data.key;
}
