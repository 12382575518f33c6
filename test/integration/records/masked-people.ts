import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import type { TestTenant } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf, comparable } from './call.ts';

/** People with masks of every strategy, and passes that refer to them by id and by a masked key. */
export interface MaskedPeople {
  readonly api: TestApi;
  /** Sees masks. */
  readonly clerk: Caller;
  /** Holds the role of every unmaskedFor. */
  readonly auditor: Caller;
  readonly admin: Caller;
  /** Address of the people. */
  readonly path: string;
  /** Of the one who has all of `clear`. */
  readonly id: string;
}

export async function openMaskedPeople(): Promise<MaskedPeople> {
  const api = await openTestApi();
  await api.provide(...schemas(api.tenant));
  const clerk = callerOf(api, await api.keyFor('carl', ['clerk']));
  const auditor = callerOf(api, await api.keyFor('anna', ['auditor']));
  const path = api.path('person');
  const { id } = await made(auditor('POST', path, { body: { name: 'ada', ...clear } }));
  const holder = { holder: id, holder_ssn: clear.ssn };
  await made(auditor('POST', api.path('pass'), { body: holder }));
  return { api, clerk, auditor, admin: callerOf(api, api.adminKey), path, id: String(id) };
}

export const clear = {
  ssn: '078-05-1120',
  salary: 7_321_984_550,
  email: 'ada.lovelace@example.com',
  notes: { illness: 'measles' },
  born: '1815-12-10',
  pin: 'pin-4711',
};
export const hashForm = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/);
export const masked = {
  ssn: '***1120',
  salary: '***',
  email: hashForm,
  notes: '***',
  born: hashForm,
  pin: '***',
};
export const values = [
  '078-05-1120',
  '7321984550',
  'lovelace',
  'measles',
  '1815-12-10',
  'pin-4711',
];

export function schemas(tenant: TestTenant): object[] {
  const unmaskedFor = ['auditor'];
  const access = {
    roles: [
      { role: 'clerk', operations: ['create', 'read', 'update', 'delete', 'history'] },
      { role: 'auditor', operations: ['*'] },
    ],
  };
  const usable = { filterable: true, sortable: true };
  return [
    tenant.schema('person', {
      fields: [
        { name: 'name', type: 'string', unique: true, ...usable },
        {
          ...{ name: 'ssn', type: 'string', unique: true, ...usable },
          mask: { strategy: 'partial', keepLast: 4, unmaskedFor },
        },
        {
          ...{ name: 'salary', type: 'integer', ...usable },
          mask: { strategy: 'redact', unmaskedFor },
        },
        {
          ...{ name: 'email', type: 'string', ...usable },
          mask: { strategy: 'hash', unmaskedFor },
        },
        { name: 'notes', type: 'json', mask: { strategy: 'redact', unmaskedFor } },
        { name: 'born', type: 'date', ...usable, mask: { strategy: 'hash', unmaskedFor } },
        {
          ...{ name: 'pin', type: 'string', immutable: true },
          mask: { strategy: 'redact', unmaskedFor },
        },
      ],
      spec: { access },
    }),
    tenant.schema('pass', {
      fields: [
        { name: 'holder', type: 'ref', ref: tenant.reference('person'), filterable: true },
        {
          ...{ name: 'holder_ssn', type: 'ref', filterable: true, sortable: true },
          ref: tenant.reference('person', { key: 'ssn' }),
        },
      ],
      spec: { access },
    }),
  ];
}

export async function made(request: ReturnType<Caller>): Promise<Record<string, unknown>> {
  const answer = await request;
  expect(answer.statusCode, answer.body).toBeLessThan(300);
  return answer.json().data;
}

/** Fails where any of the clear values is anywhere in the answer, headers included. */
export function expectNothingClear(answer: LightMyRequestResponse): void {
  const said = JSON.stringify(answer.headers) + answer.body;
  for (const value of values) expect(said).not.toContain(value);
}

export async function tells(request: ReturnType<Caller>, guess: string): Promise<string> {
  return JSON.stringify(comparable(await request)).replaceAll(guess, 'GUESS');
}

export const change = (version: number): Record<string, string> => ({ 'if-match': `"${version}"` });
