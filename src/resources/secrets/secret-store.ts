import type { Resource } from '../../contract/kinds.ts';

/** One key of a secret, as `clientSecretRef` and `secretRef` name it beside their own namespace. */
export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** What is too secret for a manifest. Nothing lists it, and no error or log repeats it. */
export interface SecretStore {
  /** Texts of API keys are kept too; elsewhere they are shown once and exist nowhere. */
  readonly keepsApiKeys: boolean;
  /** Undefined when there is no such secret, or no such key in it. */
  read(ref: SecretRef): Promise<string | undefined>;
  /**
   * Writes one key of a secret; its other keys stay. With an owner it goes when the owner does.
   * Throws REFERENCE_CONFLICT for a secret of the name that somebody else made.
   */
  write(ref: SecretRef, text: string, owner?: Resource): Promise<void>;
}

/** Where the text of an ApiKey lives, in its own namespace. */
export function apiKeySecret({ metadata }: Resource): SecretRef {
  return { namespace: metadata.namespace, name: metadata.name, key: 'api-key' };
}
