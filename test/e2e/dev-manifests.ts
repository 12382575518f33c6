import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Route of the schema that `writeManifests` declares. */
export const routePath = '/api/acme/shop/stock/article/v1';
export const schemaFile = 'article.yaml';

/** A small application of the tests' own: one schema, for which `fields` may be given. */
export async function writeManifests(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'platform.yaml'), platform);
  await writeFile(join(dir, schemaFile), schemaManifest());
}

export function schemaManifest(extraFields = ''): string {
  return `apiVersion: velocity.sh/v1
kind: SchemaDefinition
metadata:
  name: article
  namespace: acme-shop-stock
spec:
  version: v1
  description: Something that lies on a shelf
  auth:
    strategyRef: { name: keys, namespace: acme-shop-stock }
  access:
    roles:
      - role: clerk
        operations: [create, read, update, delete]
  search: { tier: Tier1 }
  fields:
    - name: sku
      type: string
      required: true
      unique: true
      filterable: true
      sortable: true
      maxLength: 40
    - name: quantity
      type: integer
      filterable: true
${extraFields}`;
}

const platform = `apiVersion: velocity.sh/v1
kind: Organisation
metadata: { name: acme, namespace: acme }
spec: { displayName: Acme }
---
apiVersion: velocity.sh/v1
kind: Application
metadata: { name: shop, namespace: acme }
spec: { org: acme, displayName: Shop, owner: shop-team }
---
apiVersion: velocity.sh/v1
kind: Domain
metadata: { name: stock, namespace: acme-shop-stock }
spec:
  app: shop
  displayName: Stock
  access: { defaultRole: clerk, adminRole: stock-admin }
---
apiVersion: velocity.sh/v1
kind: AuthStrategy
metadata: { name: keys, namespace: acme-shop-stock }
spec: { type: apikey, config: {} }
`;
