/**
 * What follows when another has our address: a relay refuses us for it, or a member shows an earlier claim. Where the
 * address was not asked for the node signs itself another and begins anew; else it stays, and people are told.
 */
import type { Claimant } from '../identity/claims.js';
import type { Clock, Logger } from '../lib/env.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { StateKeeper } from './state-keeper.js';

export interface OwnAddressParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly credential: OwnCredential;
  readonly keeper: StateKeeper;
  /** Who has an address, as far as we know: a member, or we ourselves. */
  readonly holderOf: (ip: number) => Claimant | undefined;
  /** The node has another address: it must begin anew. */
  readonly readdressed: () => void;
}

export class OwnAddress {
  readonly #parts: OwnAddressParts;
  /** Who has our address, as it was told last. */
  #told: string | undefined;

  constructor(parts: OwnAddressParts) {
    this.#parts = parts;
  }

  /** Members became known, or changed: one of them may have had our address before us. */
  look(): void {
    const { credential, holderOf, log } = this.#parts;
    const { self } = credential;
    const holder = holderOf(self.certificate.ip);
    const rival = holder && holder.idText !== self.idText ? holder : undefined;
    if (rival?.idText === this.#told) return;
    this.#told = rival?.idText;
    if (!rival || this.taken()) return;
    log.error('another member has the address of this machine, and keeps it', {
      ip: formatIpv4(rival.ip),
      peer: rival.name,
    });
  }

  /** Our address is another's. False when this node keeps it all the same. */
  taken(): boolean {
    const { clock, log, credential, keeper, readdressed } = this.#parts;
    const ip = formatIpv4(credential.self.certificate.ip);
    if (!credential.readdress(clock.date())) return false;
    log.warn('address was taken', { ip, attempt: credential.attempt });
    keeper.setCredential(credential.bytes);
    keeper.save();
    readdressed();
    return true;
  }
}
