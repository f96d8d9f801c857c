/**
 * What the vectors speak of: for each kind a way from a value to bytes and one back. Byte strings are written as `hex:…`, so
 * that a reader in another language needs this file for nothing but the names of the fields.
 */
import { deflateRawSync } from 'node:zlib';
import {
  isGenuineAnnouncement,
  parseAnnouncement,
  signAnnouncement,
  type Announcement,
} from '../../src/core/identity/announcement.js';
import * as certificate from '../../src/core/identity/certificate.js';
import { signInvite, verifyInvite, type Invite } from '../../src/core/identity/invite.js';
import { signFarewell, verifyFarewell } from '../../src/core/identity/farewell.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { openNetwork, signNetwork, type NetworkFacts } from '../../src/core/identity/network.js';
import { derivedIp, macOf, networkIdOf, nodeIdOf, nodeIdText } from '../../src/core/identity/node-id.js';
import { signReceipt, verifyReceipt } from '../../src/core/identity/receipt.js';
import { decodeToken, encodeToken } from '../../src/core/identity/token.js';
import { isGenuine, parseStatement, signStatement, type Head } from '../../src/core/ledger/statement.js';
import { concatBytes, fromHex, toHex, utf8 } from '../../src/core/lib/bytes.js';
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import type { Random } from '../../src/core/lib/env.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../src/core/lib/prefix.js';
import { Arena } from '../../src/core/native/arena.js';
import { Evp } from '../../src/core/native/evp.js';
import { consumeInitiation, createInitiation } from '../../src/core/noise/ik.js';
import { decodePolicy } from '../../src/core/policy/document.js';
import { parseBeacon, sealBeacon, type Beacon } from '../../src/core/wire/beacon.js';
import {
  encodeBirthday,
  encodeKnock,
  knockOf,
  parseBirthday,
  type BirthdayMessage,
} from '../../src/core/wire/birthday.js';
import type { Candidate } from '../../src/core/wire/candidate.js';
import * as control from '../../src/core/wire/control.js';
import { encodeAnnounce, encodeAsk, encodeTable, parseGroups } from '../../src/core/wire/groups.js';
import * as shaken from '../../src/core/wire/handshake.js';
import { encodeIce, parseIce, type IceMessage } from '../../src/core/wire/ice.js';
import { encodeLanHello, lanHelloFrame, parseLanHello } from '../../src/core/wire/lan-hello.js';
import { encodeLedger, parseLedger, type LedgerMessage } from '../../src/core/wire/ledger.js';
import type { NatNews } from '../../src/core/wire/nat.js';
import type { Suite } from '../../src/core/wire/packet.js';
import { dataHeaderLength, PacketType, relayHeaderLength, tagLength } from '../../src/core/wire/packet.js';
import * as relay from '../../src/core/wire/relay.js';
import {
  encodeCard,
  encodeRing,
  parseCard,
  parseRing,
  type Card,
  type RingMessage,
} from '../../src/core/wire/ring.js';
import { encodeServices, parseServices, type ServicesMessage } from '../../src/core/wire/services.js';
import { encodeSubnets, parseSubnets, type SubnetsMessage } from '../../src/core/wire/subnets.js';
import { encodeTestimony, parseTestimony, type TestimonyMessage } from '../../src/core/wire/testimony.js';
import { encodeView, parseView, type ViewMessage } from '../../src/core/wire/views.js';
import { openTicket, signTicket } from '../../src/rendezvous/ticket.js';
import { sealWith } from '../support/sealed.js';
import { delivered, flood, openedFlood, relaySend, type FloodBatch, type Relayed } from './on-the-way.js';

export interface Codec {
  encode(value: unknown): Uint8Array;
  /** The value again, or the part of it that the bytes hold. */
  decode(bytes: Uint8Array, value: unknown): unknown;
}

/** A codec of values that look like this: those of values.ts, and of the file. */
function codec<V>(of: { encode(value: V): Uint8Array; decode(bytes: Uint8Array, value: V): unknown }): Codec {
  return of;
}

export interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly value: unknown;
  readonly bytes: string;
  /** Not made any more, and still read. */
  readonly old?: boolean;
}

/** JSON's form of a value, and back. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex:${toHex(value)}`;
  if (value instanceof Int32Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, plain(v)]),
  );
}

export function revived(value: unknown): unknown {
  if (typeof value === 'string' && value.startsWith('hex:')) return fromHex(value.slice(4));
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revived(v)]));
}

/** Yields these bytes, in order: the ephemeral keys of the vectors are fixed. */
function fixed(bytes: Uint8Array): Random {
  let at = 0;
  return {
    fill(into) {
      for (let i = 0; i < into.length; i++) into[i] = bytes[at++ % bytes.length] as number;
      return into;
    },
    unit: () => 0,
  };
}

interface Transcript {
  readonly suite: Suite;
  readonly prologue: Uint8Array;
  readonly initiatorSeed: Uint8Array;
  readonly responderSeed: Uint8Array;
  readonly initiatorEphemeral: Uint8Array;
  readonly responderEphemeral: Uint8Array;
  readonly initPayload: Uint8Array;
  readonly responsePayload: Uint8Array;
  readonly initiatorIndex: number;
  readonly responderIndex: number;
}

/** Both sides of a data handshake: init, response, and the keys that the initiator sends and receives with. */
function transcript(v: Transcript): Uint8Array {
  const [initiator, responder] = [keysFromSeed(v.initiatorSeed), keysFromSeed(v.responderSeed)];
  const { suite, prologue } = v;
  const { packet: init, state } = createInitiation({
    suite,
    prologue,
    localStatic: initiator.dh,
    remoteStatic: responder.dh.publicKey,
    payload: v.initPayload,
    senderIndex: v.initiatorIndex,
    random: fixed(v.initiatorEphemeral),
  });
  const pending = consumeInitiation(init, { localStatic: responder.dh, prologue, suites: [suite] });
  if (!pending || toHex(pending.payload) !== toHex(v.initPayload)) throw new Error('no initiation');
  const { packet: response, keys } = pending.respond({
    payload: v.responsePayload,
    senderIndex: v.responderIndex,
    random: fixed(v.responderEphemeral),
  });
  const established = state.consumeResponse(response);
  if (!established || toHex(established.keys.send) !== toHex(keys.receive)) throw new Error('no session');
  return concatBytes(init, response, established.keys.send, established.keys.receive);
}

type Sealing = {
  readonly key: Uint8Array;
  readonly suite: Suite;
  readonly index: number;
  readonly counter: number;
};

/** What the program itself opens, by OpenSSL's records. */
function opened(bytes: Uint8Array, { key, suite }: Sealing): Uint8Array | undefined {
  const arena = new Arena(4096);
  const evp = new Evp(arena);
  const at = arena.alloc(bytes.length);
  const length = bytes.length - dataHeaderLength - tagLength;
  arena.u8.set(bytes, at);
  const context = evp.opening(suite, key);
  const genuine = evp.open(context, at + dataHeaderLength, length);
  evp.release(context);
  return genuine ? arena.u8.slice(at + dataHeaderLength, at + dataHeaderLength + length) : undefined;
}

interface AnnouncedSubnets {
  readonly announcement: Omit<Announcement, 'subnets'> & {
    readonly subnets: readonly {
      readonly prefix: string;
      readonly shared: boolean;
      readonly since: number;
    }[];
  };
  readonly ownerSeed: Uint8Array;
}

interface WantedValue {
  readonly all: boolean;
  readonly keys: readonly number[];
}
const wantedOf = ({ all, keys }: WantedValue) => ({ all, keys: Int32Array.from(keys) });

interface Said {
  readonly said: Parameters<typeof signStatement>[0];
  readonly head: Head;
  readonly authorSeed: Uint8Array;
  readonly network: Uint8Array;
  readonly time: number;
}

export const codecs: Readonly<Record<string, Codec>> = {
  /** Public key, key for handshakes, node id, MAC, derived address in 10.144.0.0/16, network id, one after the other. */
  key: codec<{ seed: Uint8Array }>({
    encode: ({ seed }) => {
      const { publicKey, dh } = keysFromSeed(seed);
      const id = nodeIdOf(publicKey);
      const ip = new Uint8Array(4);
      new DataView(ip.buffer).setUint32(0, derivedIp(id, { base: 0x0a90_0000, prefix: 16 }));
      const network = fromHex(networkIdOf(publicKey)) ?? new Uint8Array(0);
      return concatBytes(publicKey, dh.publicKey, id, macOf(id), ip, network);
    },
    decode: (_bytes, value) => value,
  }),
  network: codec<{ facts: NetworkFacts; rootSeed: Uint8Array }>({
    encode: ({ facts, rootSeed }) => signNetwork(facts, keysFromSeed(rootSeed)),
    decode: (bytes, value) => ({ ...value, facts: openNetwork(bytes) }),
  }),
  invite: codec<{ invite: Invite; rootSeed: Uint8Array }>({
    encode: ({ invite, rootSeed }) => signInvite(invite, keysFromSeed(rootSeed)),
    decode: (bytes, value) => ({
      ...value,
      invite: verifyInvite(bytes, keysFromSeed(value.rootSeed).publicKey),
    }),
  }),
  certificate: codec<{ certificate: certificate.Certificate; issuerSeed: Uint8Array; ownerSeed: Uint8Array }>(
    {
      encode: (v) =>
        certificate.signCertificate(v.certificate, keysFromSeed(v.issuerSeed), keysFromSeed(v.ownerSeed)),
      decode: (bytes, value) => ({ ...value, certificate: certificate.parseCertificate(bytes) }),
    },
  ),
  receipt: codec<{ receipt: Parameters<typeof signReceipt>[0]; witnessSeed: Uint8Array }>({
    encode: ({ receipt, witnessSeed }) => signReceipt(receipt, keysFromSeed(witnessSeed)),
    decode: (bytes, value) => ({ ...value, receipt: verifyReceipt(bytes) }),
  }),
  credential: codec<certificate.CredentialParts>({
    encode: certificate.encodeCredential,
    decode: certificate.parseCredential,
  }),
  testimony: codec<TestimonyMessage>({ encode: encodeTestimony, decode: parseTestimony }),
  /** The text of the token, as ASCII. */
  token: codec<{ network: Uint8Array; invite: Uint8Array; inviteSeed: Uint8Array }>({
    encode: (v) => utf8(encodeToken(v.network, v.invite, v.inviteSeed)),
    decode: (bytes) => {
      const { networkBytes, inviteBytes, inviteKeys } = decodeToken(Buffer.from(bytes).toString());
      return { network: networkBytes, invite: inviteBytes, inviteSeed: inviteKeys.seed };
    },
  }),
  statement: codec<Said>({
    encode: (v) => signStatement(v.said, v.head, keysFromSeed(v.authorSeed), v.network, v.time),
    decode: (bytes, value) => {
      const statement = parseStatement(bytes, value.network);
      if (!statement || !isGenuine(statement, value.network)) return undefined;
      return { ...value, said: statement.said, time: statement.time };
    },
  }),
  handshake: codec<Transcript>({ encode: transcript, decode: (_bytes, value) => value }),
  data: codec<Sealing & { plaintext: Uint8Array }>({
    // By node:crypto alone.
    encode: ({ suite, key, index, counter, plaintext }) =>
      sealWith(suite, key, { index, counter }, plaintext),
    decode: (bytes, value) => ({ ...value, plaintext: opened(bytes, value) }),
  }),
  ping: codec<{ transaction: number; size: number }>({
    encode: ({ transaction, size }) => control.encodePing(transaction, size),
    decode: control.parseControl,
  }),
  pong: codec<{ transaction: number; observed: Endpoint; directFrames: number } & control.Abilities>({
    encode: (v) => control.encodePong(v.transaction, v.observed, v.directFrames),
    decode: control.parseControl,
  }),
  offer: codec<{ sequence: number; candidates: readonly Candidate[] }>({
    encode: ({ sequence, candidates }) => control.encodeOffer(sequence, candidates),
    decode: control.parseControl,
  }),
  accept: codec<{ sequence: number }>({
    encode: ({ sequence }) => control.encodeAccept(sequence),
    decode: control.parseControl,
  }),
  goodbye: codec({ encode: control.encodeGoodbye, decode: control.parseControl }),
  nat: codec<NatNews>({ encode: control.encodeNat, decode: control.parseControl }),
  ice: codec<IceMessage>({ encode: encodeIce, decode: parseIce }),
  view: codec<ViewMessage>({ encode: encodeView, decode: parseView }),
  services: codec<ServicesMessage>({ encode: encodeServices, decode: parseServices }),
  birthday: codec<BirthdayMessage>({ encode: encodeBirthday, decode: parseBirthday }),
  /** Not sealed: from a socket to another. */
  knock: codec<{ type: 'knock' | 'answer'; mark: Uint8Array }>({
    encode: ({ type, mark }) => encodeKnock(type, mark),
    decode: (bytes, { mark }) => ({ type: knockOf(bytes, mark), mark }),
  }),
  beacon: codec<Beacon & { key: Uint8Array; nonce: Uint8Array }>({
    encode: ({ key, nonce, ...beacon }) => sealBeacon(beacon, key, fixed(nonce)),
    decode: (bytes, { key, nonce }) => ({ ...parseBeacon(bytes, key), key, nonce }),
  }),
  /** The frame; whether the signature is genuine is not its reader's question. */
  'lan-hello': codec<{
    word: number;
    open: boolean;
    date: number;
    credential: Uint8Array;
    mac: Uint8Array;
    signature: Uint8Array;
  }>({
    encode: ({ word, open, date, credential, mac, signature }) =>
      lanHelloFrame(mac, concatBytes(encodeLanHello(word, open, date, credential), signature)),
    decode: (bytes, { word, mac }) => {
      const { body: _, ...hello } = parseLanHello(bytes, word) ?? {};
      return { ...hello, word, mac };
    },
  }),
  /** What a handshake's first message says, sealed in it. */
  'init-payload': codec<shaken.InitPayload>({
    encode: (payload) => shaken.encodeInitPayload(payload),
    decode: shaken.parseInitPayload,
  }),
  'response-payload': codec<shaken.ResponsePayload>({
    encode: shaken.encodeResponsePayload,
    decode: shaken.parseResponsePayload,
  }),
  'cookie-reply': codec<shaken.CookieReplyPacket>({
    encode: shaken.encodeCookieReply,
    decode: shaken.parseCookieReply,
  }),
  ring: codec<RingMessage>({ encode: encodeRing, decode: parseRing }),
  card: codec<Card>({ encode: encodeCard, decode: parseCard }),
  'ledger-message': codec<LedgerMessage>({ encode: encodeLedger, decode: parseLedger }),
  'groups-announce': codec<{ wanted: WantedValue }>({
    encode: ({ wanted }) => encodeAnnounce(wantedOf(wanted)),
    decode: (bytes) => parseGroups(bytes.subarray(1)),
  }),
  'groups-ask': codec({ encode: encodeAsk, decode: (bytes) => parseGroups(bytes.subarray(1)) }),
  'groups-table': codec<{ entries: { position: number; ageSeconds: number; wanted: WantedValue }[] }>({
    encode: ({ entries }) =>
      encodeTable(entries.map((entry) => ({ ...entry, wanted: wantedOf(entry.wanted) })))[0] as Uint8Array,
    decode: (bytes) => parseGroups(bytes.subarray(1)),
  }),
  bind: codec<{ association: number; counter: number; key: Uint8Array }>({
    encode: ({ association, counter, key }) => relay.encodeBind(association, counter, key),
    decode: (bytes, { key }) => relay.verifyBind(bytes, key) && { ...relay.peekAssociation(bytes), key },
  }),
  bound: codec<{ association: number; counter: number; observed: Endpoint; key: Uint8Array }>({
    encode: (v) => relay.encodeBound(v.association, v.counter, v.observed, v.key),
    decode: (bytes, { key }) => ({
      ...relay.peekAssociation(bytes),
      observed: relay.openBound(bytes, key),
      key,
    }),
  }),
  unbound: codec<{ association: number }>({
    encode: ({ association }) => relay.encodeUnbound(association),
    decode: (bytes) => ({ association: relay.parseUnbound(bytes) }),
  }),
  /** In a batch of `inners.length`, which share a signature. */
  flood: codec<FloodBatch>({ encode: flood, decode: openedFlood }),
  'relay-send': codec<Relayed>({
    encode: relaySend,
    decode: (bytes, value) => {
      const out = delivered(bytes, value);
      return (
        out && { ...value, source: out.slice(8, relayHeaderLength), packet: out.slice(relayHeaderLength) }
      );
    },
  }),
  /** What the relay makes of the `relay-send` of the same value. */
  'relay-deliver': codec<Relayed>({
    encode: (value) => delivered(relaySend(value), value) ?? new Uint8Array(0),
    decode: (bytes, value) =>
      bytes[0] === PacketType.relayDeliver
        ? { ...value, source: bytes.slice(8, relayHeaderLength), packet: bytes.slice(relayHeaderLength) }
        : undefined,
  }),
  announcement: codec<AnnouncedSubnets>({
    encode: ({ announcement, ownerSeed }) => {
      const subnets = announcement.subnets.map((subnet) => ({
        ...subnet,
        prefix: parsePrefix(subnet.prefix) as Prefix,
      }));
      return signAnnouncement({ ...announcement, subnets }, keysFromSeed(ownerSeed));
    },
    decode: (bytes, value) => {
      const read = parseAnnouncement(bytes);
      if (!read || !isGenuineAnnouncement(bytes, read.nodeKey)) return undefined;
      const subnets = read.subnets.map((subnet) => ({ ...subnet, prefix: formatPrefix(subnet.prefix) }));
      return { ...value, announcement: { ...read, subnets } };
    },
  }),
  subnets: codec<SubnetsMessage>({ encode: encodeSubnets, decode: parseSubnets }),
  farewell: codec<{ rootKey: Uint8Array; nodeSeed: Uint8Array; time: number }>({
    encode: ({ rootKey, nodeSeed, time }) => signFarewell(rootKey, keysFromSeed(nodeSeed), time),
    decode: (bytes, value) => {
      const who = verifyFarewell(bytes, networkIdOf(value.rootKey));
      return who === nodeIdText(nodeIdOf(keysFromSeed(value.nodeSeed).publicKey)) ? value : undefined;
    },
  }),
  ticket: codec<{ id: Uint8Array; notAfter: number; uses: number; relaySeed: Uint8Array }>({
    encode: ({ id, notAfter, uses, relaySeed }) => signTicket(id, notAfter, uses, keysFromSeed(relaySeed)),
    decode: (bytes, value) => {
      const ticket = openTicket(bytes, keysFromSeed(value.relaySeed));
      return ticket && { ...value, ...ticket, id: fromHex(ticket.id) };
    },
  }),
  /** In stored blocks (RFC 1951): how well a library deflates is its own affair. */
  policy: codec<{ text: string }>({
    encode: ({ text }) => concatBytes(Uint8Array.of(1), deflateRawSync(utf8(text), { level: 0 })),
    decode: (bytes) => ({ text: decodePolicy(bytes) }),
  }),
  carrier: codec<{ peer: Uint8Array; packet: Uint8Array }>({
    encode: ({ peer, packet }) => relay.encodeCarrierData(peer, relay.batchOf(packet)),
    decode: (bytes) => {
      const batch = bytes.subarray(relay.carrierHeaderLength);
      if (!relay.batchIsWhole(batch) || relay.countPackets(batch) !== 1) return undefined;
      // A packet lies behind two bytes of its length.
      return { peer: bytes.slice(1, relay.carrierHeaderLength), packet: batch.slice(2) };
    },
  }),
};
