import { describe, expect, it } from 'vitest';
import { requestQuotas } from '../../../../src/resources/registry/quotas.ts';
import { admitNew, application, organisation } from '../admission/manifests.ts';

const all = { requestsPerSecond: 5, maxRecordsPerSchema: 6, maxStorageGb: 7, maxSchemas: 8 };

describe('quotas that count at every request', () => {
  it('are those of rates everywhere, and those of records where tenants share', () => {
    const organisations = [
      { name: 'acme', tenancyMode: 'single', quotas: all },
      { name: 'hub', tenancyMode: 'multi-tenant', quotas: all },
      { name: 'free', tenancyMode: 'multi-tenant', quotas: { maxSchemas: 1 } },
    ];
    const applications = [
      { organisation: 'acme', name: 'shop', quotas: { maxStorageGb: 1 } },
      { organisation: 'hub', name: 'shop', quotas: { maxStorageGb: 1 } },
    ];
    const { maxSchemas, ...counted } = all;
    expect(maxSchemas).toBe(8);
    expect([...requestQuotas({ organisations, applications })]).toEqual([
      ['acme', { requestsPerSecond: 5 }],
      ['hub', counted],
      ['hub/shop', { maxStorageGb: 1 }],
    ]);
  });

  it('are told of where they are declared and do not count', () => {
    const records = { resourceQuotas: { maxRecordsPerSchema: 1 } };
    const warningsOf = (...[candidate, ...stored]: Parameters<typeof admitNew>[0][]) =>
      admitNew(candidate!, stored).warnings.filter((text) => text.includes('tenancyMode')).length;
    const hub = organisation('acme', { tenancyMode: 'multi-tenant', ...records });
    expect(warningsOf(organisation('acme', records))).toBe(1);
    expect(warningsOf(hub)).toBe(0);
    expect(warningsOf(application('acme', 'shop', records), organisation('acme'))).toBe(1);
    expect(warningsOf(application('acme', 'shop', records), hub)).toBe(0);
    const rate = { resourceQuotas: { requestsPerSecond: 1 } };
    expect(warningsOf(organisation('acme', rate))).toBe(0);
  });
});
