/**
 * The credential of this node, as it changes: a witness adds its receipt, and where its address was taken before, the
 * node signs itself the next one. Nothing is stored here.
 */
import { parseCertificate, parseCredential } from '../identity/certificate.js';
import type { Authority } from '../identity/authority.js';
import type { RelayFact } from '../identity/network.js';
import { equalBytes } from '../lib/bytes.js';
import { resign, signerOf } from './certify.js';
import type { ChangedFacts } from '../ledger/statement.js';
import type { Profile } from './profile.js';
import { selfOf, withGenuineReceipt, type Self } from './self.js';

/** Addresses tried, the first one counted: in a range half full all are taken once in 2^32. */
export const addressLimit = 32;

export class OwnCredential {
  #profile: Profile;
  #self: Self;
  #attempt = 0;
  #facts: ChangedFacts | undefined;

  /**
   * @param current a later credential than the profile's, from the node's state
   * @throws EvioError EVIO_PROFILE_CORRUPT when a part of the profile is not genuine
   */
  constructor(profile: Profile, current?: Uint8Array) {
    this.#profile = profile;
    this.#self = selfOf(profile, current);
  }

  get bytes(): Uint8Array {
    return this.#self.credential;
  }

  /** This node with the credential that it has now. */
  get self(): Self {
    return this.#self;
  }

  /** How often another address was taken. */
  get attempt(): number {
    return this.#attempt;
  }

  /**
   * Takes a witness's receipt, unless another says the same of an earlier date. False when the other members would not take it.
   *
   * @param authority says which keys are roots. Default: the network's first
   */
  receive(receipt: Uint8Array, authority?: Authority): boolean {
    const received = withGenuineReceipt(this.bytes, receipt, this.#self.network, authority);
    if (!received) return false;
    const { claims } = this.#self;
    const next = selfOf(this.#profile, received, this.#facts);
    const later = claims.ip <= next.claims.ip && claims.name <= next.claims.name;
    if (!claims.witnessed || !later) this.#self = next;
    return true;
  }

  /**
   * Takes a credential of this node that a command signed again. False when it is of another node.
   *
   * @param wantedIp the address that was asked for with it
   */
  adopt(credential: Uint8Array, wantedIp: string | undefined): boolean {
    const parts = parseCredential(credential);
    const certificate = parts && parseCertificate(parts.certificate);
    if (!certificate || !equalBytes(certificate.nodeKey, this.#self.keys.publicKey)) return false;
    const { name } = certificate;
    this.#profile = { ...this.#profile, name, ...(wantedIp === undefined ? {} : { wantedIp }) };
    this.#self = selfOf(this.#profile, credential, this.#facts);
    return true;
  }

  /** This machine goes on under another key: the profile has it, and its credential. */
  rekey(profile: Profile): void {
    this.#profile = profile;
    this.#attempt = 0;
    this.#self = selfOf(profile, undefined, this.#facts);
  }

  /**
   * Signs the certificate again for the next address that follows from the node id. False when the address was asked for,
   * too many were tried, or the key that signs for this machine is offline: then the refusal stands.
   */
  readdress(dateMs: number): boolean {
    if (this.#profile.wantedIp !== undefined || this.#attempt + 1 >= addressLimit) return false;
    // The root's key signed it, and is offline.
    if (!signerOf(this.#profile, this.#self)) return false;
    this.#attempt++;
    const change = { attempt: this.#attempt, current: this.bytes };
    this.#self = selfOf(this.#profile, resign(this.#profile, change, dateMs), this.#facts);
    return true;
  }

  /** The network has other facts than the token said. True when a run that goes by the ones before must begin anew. */
  setFacts(facts: ChangedFacts | undefined): boolean {
    const before = this.#self.network;
    this.#facts = facts;
    this.#self = selfOf(this.#profile, this.bytes, facts);
    const { name, mtu, relays } = this.#self.network;
    const same = (a: RelayFact, b: RelayFact | undefined): boolean =>
      b !== undefined && a.address === b.address && equalBytes(a.key, b.key);
    return (
      name !== before.name ||
      mtu !== before.mtu ||
      relays.length !== before.relays.length ||
      !relays.every((relay, at) => same(relay, before.relays[at]))
    );
  }
}
