/**
 * Where handshake packets come in: gate, Diffie-Hellman, certificate, session. A stranger's packet costs two hashes, and is
 * answered with no more bytes than it has.
 */
import type { Origin, Path } from '../dataplane/plane/plane.js';
import { parseCertificate, parseCredential } from '../identity/certificate.js';
import { dhPublicKey } from '../identity/keys.js';
import { equalBytes, utf8 } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import type { Peers } from './peers.js';
import { endpointSource } from '../noise/cookie.js';
import { consumeInitiation } from '../noise/ik.js';
import { HandshakeGate, limiterKey } from '../noise/load.js';
import type { DhKeys } from '../noise/suite.js';
import type { IndexTable } from './index-table.js';
import { pathBack } from '../path/path.js';
import type { Peer } from './peer.js';
import type { Session } from './session.js';
import {
  parseCookieReply,
  parseInitPayload,
  parseResponse,
  parseResponsePayload,
  responseLength,
} from '../wire/handshake.js';
import { Suite } from '../wire/packet.js';

export interface DoorPorts {
  readonly localStatic: DhKeys;
  readonly prologue: Uint8Array;
  readonly random: Random;
  readonly members: Peers;
  /** The credential of whoever proved to own its key, with a receipt where we give one. Default: as it came. */
  readonly witnessed?: (now: number, credential: Uint8Array) => Uint8Array;
  readonly indexes: IndexTable<Session>;
  /** Ours. */
  credential(): Uint8Array;
  send(packet: Uint8Array, path: Path): void;
  /** A relay says that this came from the member with id `source`, and it is another's. */
  foreign?(source: Uint8Array): void;
  /** The link in this slot brought an initiation of another member that is older than its last. */
  replayed?(via: number): void;
}

const suites = [Suite.aes256gcm, Suite.chacha20poly1305];
const nobody = new Uint8Array(16);

export class HandshakeDoor {
  readonly #ports: DoorPorts;
  readonly #gate: HandshakeGate;

  constructor(ports: DoorPorts) {
    this.#ports = ports;
    this.#gate = new HandshakeGate(ports.localStatic.publicKey, ports.random);
  }

  /** An init. The peer whose session it advanced, if any. */
  initiation(now: number, packet: Uint8Array, origin: Origin): Peer | undefined {
    // A relay and a link know where they send to. Of an address we know it by a cookie only.
    const answer = origin.kind === 'direct' ? responseLength(this.#ports.credential().length) : 0;
    if (!this.#admits(now, packet, origin, answer)) return undefined;
    const { localStatic, prologue } = this.#ports;
    const initiation = consumeInitiation(packet, { localStatic, prologue, suites });
    if (!initiation) return undefined;
    const payload = parseInitPayload(initiation.payload);
    const peer = payload && this.#prove(now, payload.certificate, initiation.remoteStatic);
    if (!payload || !peer) {
      initiation.destroy();
      return undefined;
    }
    if (this.#isForeign(origin, peer)) {
      initiation.destroy();
      return undefined;
    }
    if (origin.kind === 'overlay' && peer.session.isPast(payload.stamp)) this.#ports.replayed?.(origin.via);
    if (!peer.session.acceptInitiation(now, initiation, payload, pathBack(origin, peer.member.id))) {
      initiation.destroy();
      return undefined;
    }
    peer.heardFrom(origin);
    return peer;
  }

  /** A response to an init of ours. The peer whose session stands now, if any. */
  response(now: number, packet: Uint8Array, origin: Origin): Peer | undefined {
    const response = parseResponse(packet);
    const session = response && this.#ports.indexes.get(response.receiverIndex);
    const peer = session && this.#ports.members.bySession(session);
    if (!session || !peer || !this.#admits(now, packet, origin, 0)) return undefined;
    const established = session.openResponse(packet, response.receiverIndex);
    const payload = established && parseResponsePayload(established.payload);
    if (!established || !payload) return undefined;
    if (this.#prove(now, payload.certificate, established.remoteStatic) !== peer) return undefined;
    if (this.#isForeign(origin, peer)) return undefined;
    peer.heardFrom(origin);
    session.complete(now, established, response.receiverIndex, payload.boot);
    return peer;
  }

  cookie(now: number, packet: Uint8Array): void {
    const cookie = parseCookieReply(packet);
    const session = cookie && this.#ports.indexes.get(cookie.receiverIndex);
    if (session && this.#ports.members.bySession(session)) session.takeCookie(now, packet);
  }

  #admits(now: number, packet: Uint8Array, origin: Origin, answer: number): boolean {
    const { source, key, id } = senderOf(origin);
    const verdict = this.#gate.judge(packet, source, key, now, answer);
    // Behind members nobody vouches for the sender, so no cookie could prove where it is: under load it must wait.
    if (verdict.kind === 'reply' && origin.kind !== 'overlay') {
      this.#ports.send(verdict.packet, pathBack(origin, id));
    }
    return verdict.kind === 'pass';
  }

  /** Relays say from whom a packet comes: nobody else's handshakes come from there. */
  #isForeign(origin: Origin, { member }: Peer): boolean {
    if (origin.kind === 'direct' || origin.kind === 'overlay' || equalBytes(origin.source, member.id))
      return false;
    this.#ports.foreign?.(origin.source);
    return true;
  }

  /**
   * The peer whose certificate this is, when it belongs to the key that the handshake proved. That comes first: who
   * joined by the same invite holds the key that signs certificates, so only its owner may bring one.
   */
  #prove(now: number, credential: Uint8Array, remoteStatic: Uint8Array): Peer | undefined {
    const parts = parseCredential(credential);
    const certificate = parts && parseCertificate(parts.certificate);
    const key = certificate && dhPublicKey(certificate.nodeKey);
    if (!key || !equalBytes(key, remoteStatic)) return undefined;
    const { members, witnessed } = this.#ports;
    return members.take(witnessed?.(now, credential) ?? credential);
  }
}

/** What a cookie is bound to, what the limiter counts by, and the node id for the way back. By overlay: the last link. */
function senderOf(origin: Origin): { source: Uint8Array; key: string; id: Uint8Array } {
  switch (origin.kind) {
    case 'direct':
      return { source: endpointSource(origin.endpoint), key: limiterKey(origin.endpoint), id: nobody };
    case 'overlay': {
      const source = utf8(`overlay ${origin.via}`);
      return { source, key: limiterKey(source), id: nobody };
    }
    default:
      return { source: origin.source, key: limiterKey(origin.source), id: origin.source };
  }
}
