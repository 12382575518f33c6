import { randomBytes } from 'node:crypto';
import { readJsonFile, writeJsonFile } from './state-folder.ts';

/** 192 bits: more than SCRAM or anybody's patience needs. */
const passwordBytes = 24;

/** Made once per state folder and kept in a file that only its owner reads. */
export interface DevSecrets {
  readonly superuserPassword: string;
  readonly operatorPassword: string;
  readonly apiPassword: string;
  readonly cursorSecret: string;
  /** The admin key, once it has been minted. */
  readonly adminKey?: string;
}

export async function loadSecrets(path: string): Promise<DevSecrets> {
  const stored = await readJsonFile<DevSecrets>(path);
  if (stored !== undefined) return stored;
  const random = (): string => randomBytes(passwordBytes).toString('base64url');
  const secrets: DevSecrets = {
    superuserPassword: random(),
    operatorPassword: random(),
    apiPassword: random(),
    cursorSecret: random(),
  };
  await writeJsonFile(path, secrets);
  return secrets;
}
