/** An organisation with one application and one domain, and what a test puts into it. */
export interface TestTenant {
  readonly organisation: string;
  /** Namespace of the domain. */
  readonly namespace: string;
  /** Organisation, application, domain and an AuthStrategy: what every schema needs. */
  readonly base: readonly object[];
  schema(name: string, over?: SchemaOver): TestManifest;
  /** A reference to a schema of this domain. */
  reference(object: string, over?: object): object;
}

export interface SchemaOver {
  readonly fields?: readonly object[];
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface TestManifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: object;
}

const apiVersion = 'velocity.sh/v1';

export function testTenant(organisation: string): TestTenant {
  const namespace = `${organisation}-shop-sales`;
  const strategyRef = { name: 'keys', namespace };
  return {
    organisation,
    namespace,
    base: [
      manifest('Organisation', organisation, organisation, { displayName: 'Acme' }),
      manifest('Application', 'shop', organisation, { org: organisation, displayName: 'Shop' }),
      manifest('Domain', 'sales', namespace, {
        app: 'shop',
        displayName: 'Sales',
        access: { defaultRole: 'reader', adminRole: 'sales-admin' },
      }),
      manifest('AuthStrategy', 'keys', namespace, { type: 'apikey', config: {} }),
    ],
    schema: (name, over = {}) => ({
      ...manifest('SchemaDefinition', name, namespace, {
        version: 'v1',
        auth: { strategyRef },
        access: { roles: [{ role: 'reader', operations: ['read'] }] },
        fields: over.fields ?? [
          { name: 'title', type: 'string', required: true, filterable: true },
          { name: 'amount', type: 'integer', min: 0 },
        ],
        search: { tier: 'Tier1' },
        ...over.spec,
      }),
      metadata: {
        name,
        namespace,
        ...(over.annotations === undefined ? {} : { annotations: over.annotations }),
      },
    }),
    reference: (object, over = {}) => ({
      org: organisation,
      app: 'shop',
      domain: 'sales',
      object,
      version: 'v1',
      ...over,
    }),
  };
}

export function manifest(
  kind: string,
  name: string,
  namespace: string,
  spec: object,
): TestManifest {
  return { apiVersion, kind, metadata: { name, namespace }, spec } as TestManifest;
}
