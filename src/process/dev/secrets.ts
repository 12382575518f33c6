import { randomBytes } from 'node:crypto';
import { readJsonFile, writeJsonFile } from './state-folder.ts';

/** 192 bits: more than SCRAM or anybody's patience needs. */
const passwordBytes = 24;
const sealingKeyBytes = 32;

/** Made once per state folder and kept in a file that only its owner reads. */
export interface DevSecrets {
  readonly superuserPassword: string;
  readonly operatorPassword: string;
  readonly apiPassword: string;
  readonly cursorSecret: string;
  /** Seals client secrets and sessions; in base64. */
  readonly sealingKey: string;
  /** The admin key, once it has been minted. */
  readonly adminKey?: string;
}

export async function loadSecrets(path: string): Promise<DevSecrets> {
  const stored = await readJsonFile<DevSecrets>(path);
  if (stored?.sealingKey !== undefined) return stored;
  const sealingKey = randomBytes(sealingKeyBytes).toString('base64');
  if (stored !== undefined) {
    // Of a release that had none.
    const completed = { ...stored, sealingKey };
    await writeJsonFile(path, completed);
    return completed;
  }
  const random = (): string => randomBytes(passwordBytes).toString('base64url');
  const secrets: DevSecrets = {
    superuserPassword: random(),
    operatorPassword: random(),
    apiPassword: random(),
    cursorSecret: random(),
    sealingKey,
  };
  await writeJsonFile(path, secrets);
  return secrets;
}
