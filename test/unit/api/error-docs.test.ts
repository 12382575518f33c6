import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/errors.ts';

interface DocumentedCode {
  readonly status: number;
  readonly again: string;
  readonly when: string;
  readonly wayOut: string;
}

async function readDocumentedCodes(): Promise<Map<string, DocumentedCode>> {
  const page = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \| (yes|no) \| (.+) \| (.+) \|$/gm);
  return new Map(
    [...rows].map(([, code, status, again, when, wayOut]) => [
      code!,
      { status: Number(status), again: again!, when: when!, wayOut: wayOut! },
    ]),
  );
}

describe('docs/errors.md', () => {
  it('describes every code of src/errors.ts and no other, in the same order', async () => {
    const documented = await readDocumentedCodes();
    expect([...documented.keys()]).toEqual(Object.keys(errorCodes));
  });

  it('gives each code its status, whether to send again, a cause and a way out', async () => {
    const documented = await readDocumentedCodes();
    for (const [code, [status, , retryable]] of Object.entries(errorCodes)) {
      const described = documented.get(code);
      expect(described, code).toMatchObject({ status, again: retryable ? 'yes' : 'no' });
      expect(described?.when.length, code).toBeGreaterThan(20);
      expect(described?.wayOut.length, code).toBeGreaterThan(8);
    }
  });
});
