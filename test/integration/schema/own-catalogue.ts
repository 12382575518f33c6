import { dumpCatalogue } from '../../../src/store/catalogue-dump.ts';
import type { TestApi } from '../api/test-api.ts';

/** One schema's part of the catalogue, whatever it is called and whatever way it came to it. */
export async function catalogueOf(api: TestApi, object: string): Promise<string[]> {
  const dump = await dumpCatalogue(api.operator);
  const name = `${object.replaceAll('-', '_')}_v1`;
  return (
    dump
      .split('\n')
      .filter((line) => line.includes(name))
      // The past of a field that had another type.
      .filter((line) => !/_history\w*\._\w+_r\d+:/.test(line))
      // The functions say the table's name and revision.
      .map((line) => line.replaceAll(name, 'x').replace(/digest=\w+/, ''))
      .sort()
  );
}
