import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let key: string;
let address: string;
let browser: Browser;

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('note', {
      spec: { access: { roles: [{ role: 'writer', operations: ['create', 'read'] }] } },
    }),
  );
  key = await api.keyFor('wanda', ['writer']);
  address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox'],
  });
});

afterAll(async () => {
  await browser?.close();
  await api?.close();
});

describe('/api/docs in a browser', () => {
  it('asks for a key, then renders what that key may do, and speaks to this server alone', async () => {
    const page = await browser.newPage();
    const asked: string[] = [];
    const errors: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    page.on('pageerror', (error) => void errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(`${address}/api/docs`);
    await page.getByLabel('API key').fill('vel_test_wrong');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('The API key is not well formed.').waitFor();
    expect(errors.splice(0)).toEqual([expect.stringContaining('401')]);

    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('Create a note').first().waitFor();
    expect(await page.content()).not.toContain('Delete a note');

    // The key survives a reload of the tab and is in no address.
    await page.reload();
    await page.getByRole('heading', { name: 'Velocity' }).first().waitFor();
    expect(new URL(page.url()).search).toBe('');
    await page.getByRole('button', { name: 'Forget key' }).click();
    await page.getByText('What may this key do?').waitFor();

    expect(errors).toEqual([]);
    const elsewhere = asked.filter((url) => !url.startsWith(address) && !/^(data|blob):/.test(url));
    expect(elsewhere).toEqual([]);
    expect(asked.filter((url) => url.includes(key))).toEqual([]);
  });
});
