import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** What workflow code may import of ours: a change anywhere here makes another bundle. */
const sourceFolders = ['workflows', 'contract', 'schema'];
/** Releases of one machine that are in use at a time; older bundles are removed. */
const bundlesKeptMax = 6;

/** `.ts` in the work tree, `.js` in the package. */
const extension = extname(fileURLToPath(import.meta.url));
const sourceRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * The workflows as one script for the sandbox. Making it takes seconds (webpack), so it is kept
 * under the name of all that went into it; a cache that cannot be written costs only that time.
 */
export async function loadWorkflowBundle(
  options: { cacheDir?: string } = {},
): Promise<{ code: string; cached: boolean }> {
  const cacheDir = options.cacheDir ?? join(homedir(), '.cache', 'velocity', 'workflow-bundles');
  const file = join(cacheDir, `${await hashSources()}.js`);
  const kept = await readOwnFile(file);
  if (kept !== undefined) return { code: kept, cached: true };

  const { code } = await bundleWorkflowCode({
    workflowsPath: join(sourceRoot, 'workflows', `index${extension}`),
    logger: quietLogger,
  });
  await keep({ cacheDir, file, code }).catch(() => undefined);
  return { code, cached: false };
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  const { resolve } = createRequire(import.meta.url);
  for (const name of ['@temporalio/worker/package.json', '@temporalio/workflow/package.json']) {
    const { version } = JSON.parse(await readFile(resolve(name), 'utf8')) as { version: string };
    hash.update(`${name}@${version}\n`);
  }
  for (const folder of sourceFolders) {
    const names = await readdir(join(sourceRoot, folder), { recursive: true });
    for (const name of names.filter((each) => each.endsWith(extension)).sort()) {
      hash.update(`${folder}/${name}\n`).update(await readFile(join(sourceRoot, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** Only what this user wrote is run: the bundle is code. */
async function readOwnFile(file: string): Promise<string | undefined> {
  try {
    const { uid, mode } = await stat(file);
    const groupOrOthersWrite = 0o022;
    if (uid !== process.getuid?.() || (mode & groupOrOthersWrite) !== 0) return undefined;
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function keep(bundle: { cacheDir: string; file: string; code: string }): Promise<void> {
  const { cacheDir, file, code } = bundle;
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  await chmod(cacheDir, 0o700);
  // Two workers may do this at once: each writes its own file, and a rename is never half done.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, code, { mode: 0o600 });
  await rename(draft, file);
  await removeOld(cacheDir);
}

async function removeOld(cacheDir: string): Promise<void> {
  const names = (await readdir(cacheDir)).filter((name) => name.endsWith('.js'));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(cacheDir, name))).mtimeMs })),
  );
  aged.sort((a, b) => b.at - a.at);
  for (const { name } of aged.slice(bundlesKeptMax))
    await rm(join(cacheDir, name), { force: true });
}

/** Webpack's progress is nobody's news; its errors arrive as the rejection. */
const quietLogger = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
