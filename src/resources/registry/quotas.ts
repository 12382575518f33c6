import type { ResourceQuotas } from '../../contract/kinds.ts';

/** The quotas that count at every request. What is absent is not bounded. */
export type RequestQuotas = Pick<
  ResourceQuotas,
  'requestsPerSecond' | 'maxRecordsPerSchema' | 'maxStorageGb'
>;

interface QuotaRows {
  readonly organisations: readonly {
    readonly name: string;
    readonly tenancyMode: string;
    readonly quotas: ResourceQuotas;
  }[];
  readonly applications: readonly {
    readonly organisation: string;
    readonly name: string;
    readonly quotas: ResourceQuotas;
  }[];
}

/**
 * By `{organisation}` and by `{organisation}/{application}`, where there is a quota at all. What records
 * may take is bounded in organisations that are many tenants' only: in another one they are all its own.
 */
export function requestQuotas({
  organisations,
  applications,
}: QuotaRows): Map<string, RequestQuotas> {
  const all = new Map<string, RequestQuotas>();
  const shared = new Set(
    organisations
      .filter(({ tenancyMode }) => tenancyMode === 'multi-tenant')
      .map(({ name }) => name),
  );
  const add = (key: string, organisation: string, quotas: ResourceQuotas): void => {
    const { requestsPerSecond, maxRecordsPerSchema, maxStorageGb } = quotas;
    const counted: RequestQuotas = {
      ...(requestsPerSecond !== undefined && { requestsPerSecond }),
      ...(shared.has(organisation) && {
        ...(maxRecordsPerSchema !== undefined && { maxRecordsPerSchema }),
        ...(maxStorageGb !== undefined && { maxStorageGb }),
      }),
    };
    if (Object.keys(counted).length > 0) all.set(key, counted);
  };
  for (const { name, quotas } of organisations) add(name, name, quotas);
  for (const { organisation, name, quotas } of applications) {
    add(`${organisation}/${name}`, organisation, quotas);
  }
  return all;
}
