/** What a person orders of this machine's own key: another one (key-changes.ts says how), while the node runs. */
import { maxCredentialLength } from '../identity/certificate.js';
import { generateKeys } from '../identity/keys.js';
import { badValue } from '../identity/names.js';
import { successionLength } from '../identity/succession.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import type { Standing } from '../ledger/standing.js';
import { withNewKey } from '../membership/new-key.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { Profile } from '../membership/profile.js';
import type { KeyChanges } from './key-changes.js';

/** How long admins are asked, and how long it may take until the ledger says that the new key counts, ms. */
const askMs = 12_000;
const saidMs = 15_000;

export interface KeyReport {
  /** Node id by the new key, and by the one before. */
  readonly id: string;
  readonly was: string;
  /** False: no admin has seen the new key yet. It counts as soon as one does, and until then this machine waits. */
  readonly counts: boolean;
}

export interface KeyOrderParts {
  readonly env: Env;
  readonly credential: OwnCredential;
  readonly standing: () => Standing;
  /** Of the run, as an input. Throws EvioError EVIO_NOT_RUNNING. */
  readonly ask: (deed: (changes: KeyChanges) => void) => void;
  /** The new key is on disk when it resolves, in one write. Rejects with EvioError EVIO_STORAGE: then nothing has happened. */
  readonly store: (change: (profile: Profile) => Profile) => Promise<void>;
  /** Begins anew by the profile as it is now. */
  readonly beginAnew: () => Promise<void>;
}

export class KeyOrder {
  readonly #parts: KeyOrderParts;
  #waiting: (() => void) | undefined;

  constructor(parts: KeyOrderParts) {
    this.#parts = parts;
  }

  /** @throws EvioError EVIO_NOT_RUNNING, EVIO_TIMEOUT, EVIO_BAD_VALUE, EVIO_STORAGE */
  async replace(): Promise<KeyReport> {
    const { env, credential, ask, store, beginAnew } = this.#parts;
    const { self } = credential;
    // It was ordered before, and is not through yet.
    if (this.#isOpen) return this.#report();
    if (self.credential.length + successionLength > maxCredentialLength)
      throw badValue('The certificate of this machine has too many tags for another key.');
    const next = generateKeys(env.random);
    const granted = await new Promise<Uint8Array | undefined>((resolve) => {
      ask((changes) => {
        changes.ask(env.clock.now(), next, askMs, resolve);
      });
    });
    if (!granted) throw notGranted();
    await store((profile) => withNewKey(profile, next, granted));
    await beginAnew();
    return this.#report();
  }

  /** Anything may have changed. */
  look(): void {
    if (this.#waiting && !this.#isOpen) this.#waiting();
  }

  async #report(): Promise<KeyReport> {
    const { env, credential } = this.#parts;
    if (this.#isOpen) {
      await new Promise<void>((resolve) => {
        const cancel = env.clock.after(saidMs, resolve);
        this.#waiting = () => {
          cancel();
          resolve();
        };
      });
      this.#waiting = undefined;
    }
    const { idText, before = '' } = credential.self;
    return { id: idText, was: before, counts: !this.#isOpen };
  }

  get #isOpen(): boolean {
    const { credential, standing } = this.#parts;
    const { before, idText } = credential.self;
    return before !== undefined && standing().succession(before, idText) === 'open';
  }
}

function notGranted(): EvioError {
  return new EvioError('EVIO_TIMEOUT', 'No admin of the network gave this machine another key.', [
    'An admin machine has to run; they are listed by: evio admin list',
    'The key of an admin takes an admin that the root key named, and another than itself: evio admin add NAME --by-root',
    'A key is replaced three times a day at most; the log of the admin machine says when it refused.',
  ]);
}
