import type { BindingEntry } from '../resources/registry/snapshot.ts';

/**
 * What the decision of layer 1 looked at, in its order. Nobody listens but who explains: a request
 * costs one comparison with undefined for each, and only where its decision is not known yet.
 */
export type Note = (noted: Noted) => void;

export type Noted =
  | { readonly what: 'platform-admin' }
  | { readonly what: 'key-scope'; readonly index: number; readonly covered: boolean }
  | {
      readonly what: 'binding';
      readonly binding: BindingEntry;
      readonly outcome: 'expired' | 'out-of-scope';
    }
  | {
      readonly what: 'role';
      /** Undefined: the token carries the role. */
      readonly binding: BindingEntry | undefined;
      readonly role: string;
      readonly granted: boolean;
    };
