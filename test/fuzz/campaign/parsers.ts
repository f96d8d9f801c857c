/** Every parser of what comes from outside: wire, identity, ledger, relay, control socket, files, command line. */
import { profileSchema, stateSchema } from '../../../src/core/config/schema.js';
import { LineSplitter } from '../../../src/core/control/lines.js';
import { methods } from '../../../src/core/control/methods.js';
import { parseAnnouncement } from '../../../src/core/identity/announcement.js';
import { ownerOf, parseCertificate, parseCredential } from '../../../src/core/identity/certificate.js';
import { parseInvite } from '../../../src/core/identity/invite.js';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { checkCidr, checkNodeName, checkPeer } from '../../../src/core/identity/names.js';
import { openNetwork } from '../../../src/core/identity/network.js';
import { parseReceipt } from '../../../src/core/identity/receipt.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { parseStatement, signStatement, emptyHead } from '../../../src/core/ledger/statement.js';
import { ByteWriter, concatBytes, fromBase64Url, toBase64Url, utf8 } from '../../../src/core/lib/bytes.js';
import { parseEndpoint } from '../../../src/core/lib/endpoint.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { parseJson } from '../../../src/core/lib/json.js';
import { parsePrefix } from '../../../src/core/lib/prefix.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { parseRelayUrl } from '../../../src/core/relays/net/relay-url.js';
import { encodeLanHello, lanHelloFrame, parseLanHello } from '../../../src/core/wire/lan-hello.js';
import { encodeServices, parseServices } from '../../../src/core/wire/services.js';
import { encodeBirthday, parseBirthday } from '../../../src/core/wire/birthday.js';
import { encodeView, parseView } from '../../../src/core/wire/views.js';
import { beaconKey, parseBeacon, sealBeacon } from '../../../src/core/wire/beacon.js';
import {
  encodeAccept,
  encodeGoodbye,
  encodeNat,
  encodeOffer,
  encodePing,
  encodePong,
  parseControl,
} from '../../../src/core/wire/control.js';
import { payloadOffset } from '../../../src/core/wire/ethernet.js';
import { encodeAnnounce, encodeAsk, encodeTable, parseGroups } from '../../../src/core/wire/groups.js';
import * as handshake from '../../../src/core/wire/handshake.js';
import { locateTransport, upperLayer } from '../../../src/core/wire/ip.js';
import { encodeLedger, parseLedger } from '../../../src/core/wire/ledger.js';
import { audienceOf, readReport } from '../../../src/core/wire/membership.js';
import { Suite } from '../../../src/core/wire/packet.js';
import * as relay from '../../../src/core/wire/relay.js';
import { encodeCard, encodeRing, parseCard, parseRing } from '../../../src/core/wire/ring.js';
import { parseToNode, parseToRelay } from '../../../src/core/wire/signal.js';
import * as stun from '../../../src/core/wire/stun.js';
import { encodeSigned, parseAllocateAnswer } from '../../../src/core/wire/turn.js';
import { honest, hostile } from '../../support/hostile-frames.js';
import { memberProfiles } from '../../support/members.js';
import { igmp, igmpV3, mld, mldV2 } from '../../support/membership-frames.js';
import { VirtualClock } from '../../support/virtual.js';
import { documents } from './documents.js';
import { routerTargets } from './routers.js';
import { userspaceTargets } from './userspace.js';
import { handover } from './handover.js';
import { parser, textParser, type Target } from './target.js';

const clock = new VirtualClock();
const [first, second] = memberProfiles(2, clock) as [Profile, Profile];
const bytesOf = (text: string | undefined): Uint8Array => fromBase64Url(text ?? '') ?? new Uint8Array(0);
const credentials = [bytesOf(first.credential), bytesOf(second.credential)];
const parts = credentials.map(
  (bytes) => parseCredential(bytes) as NonNullable<ReturnType<typeof parseCredential>>,
);
const present = (list: readonly Uint8Array[]): Uint8Array[] => list.filter((bytes) => bytes.length > 0);

const id = '0123456789abcdef0123456789abcdef';
const endpoint = { host: '192.0.2.1', port: 4242 };
const candidates = [
  { kind: 'host', endpoint },
  { kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 1 } },
] as const;
const key = new Uint8Array(32).fill(7);
const lanKey = beaconKey(new Uint8Array(32));
const card = encodeCard({ credential: credentials[1] as Uint8Array, candidates });
const beacon = sealBeacon({ challenge: new Uint8Array(8), echoes: [new Uint8Array(8)], card }, lanKey, {
  fill: (bytes) => bytes.fill(3),
  unit: () => 0,
});

const offered = { name: 'http', protocol: 'tcp', port: 8_080, text: 'path=/' } as const;
const lanHello = lanHelloFrame(
  key.subarray(0, 6),
  concatBytes(encodeLanHello(7, true, 1_795_000_000_000, credentials[1] as Uint8Array), new Uint8Array(64)),
);

const frames = [...honest, ...hostile].map(({ frame }) => frame);
const reports = [
  igmp(0x16, '239.1.2.3'),
  igmp(0x17, '239.1.2.3', '224.0.0.2'),
  igmpV3({ type: 4, group: '239.1.2.3' }, { type: 6, group: '239.1.2.4', sources: ['192.0.2.1'], aux: 1 }),
  mld(131, 'ff05::1:3'),
  mldV2({ type: 4, group: 'ff05::1:3' }, { type: 3, group: 'ff05::1:4', sources: ['2001:db8::1'] }),
];
const ofFrame =
  (look: (view: DataView, length: number) => unknown) =>
  (bytes: Uint8Array): unknown =>
    look(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes.length) ?? null;
/** Where a parser may read: nothing before the frame, nothing behind it. */
const within = (at: number, length: number): void => {
  if (at > length) throw new Error(`${at} is behind the end at ${length}`);
};

/** What a person typed is refused by an error with a code and a next step, never by another. */
const refusing =
  (parse: (text: string) => unknown) =>
  (text: string): unknown => {
    try {
      return parse(text) ?? null;
    } catch (thrown) {
      if (thrown instanceof EvioError && thrown.code !== 'EVIO_INTERNAL') return null;
      throw thrown;
    }
  };
const json =
  (schema: { safeParse(value: unknown): { success: boolean } }) =>
  (text: string): unknown => {
    const value = parseJson(text);
    return value === undefined ? null : schema.safeParse(value).success;
  };

const root = keysFromSeed(bytesOf(first.rootSeed));
const statements = [
  signStatement({ kind: 'admin-add', key }, emptyHead, root, root.publicKey, 5),
  signStatement(
    { kind: 'bar-member', key, name: 'mallory', reason: 'lost' },
    emptyHead,
    root,
    root.publicKey,
    5,
  ),
  signStatement({ kind: 'bar-invite', key, kept: [id] }, emptyHead, root, root.publicKey, 5),
  signStatement({ kind: 'policy', serial: 1, document: key }, emptyHead, root, root.publicKey, 5),
];
const hash = '11'.repeat(32);

const wire: Target[] = [
  parser(
    'control',
    [
      encodePing(5, 40),
      encodePong(5, endpoint, 9),
      encodeOffer(3, candidates),
      encodeAccept(3),
      encodeGoodbye(),
      encodeNat({
        mapping: 'none',
        filtering: 'unknown',
        ports: 'random',
        range: { first: candidates[0].endpoint, count: 9 },
      }),
    ],
    parseControl,
  ),
  parser(
    'ring',
    [
      encodeRing({
        type: 'table',
        version: 3,
        claims: 5,
        leaf: false,
        settled: true,
        successors: [id, id],
        predecessors: [id],
        others: [id],
        indirect: [],
      }),
      encodeRing({ type: 'beat', seen: 1, claims: 1, answer: true }),
      encodeRing({ type: 'seek', nonce: 9, target: id, hops: 3, card }),
      encodeRing({ type: 'sought', nonce: 9, id, card }),
      encodeRing({ type: 'meet', id }),
      encodeRing({ type: 'introduce', card }),
    ],
    parseRing,
  ),
  parser('card', [card], parseCard),
  parser('beacon', [beacon], (b) => parseBeacon(b, lanKey)),
  parser(
    'birthday',
    [
      encodeBirthday({ type: 'holes', round: 7, both: true, towards: endpoint, mark: key.subarray(0, 16) }),
      encodeBirthday({ type: 'end', round: 7 }),
    ],
    (b) => parseBirthday(b) ?? null,
  ),
  parser(
    'views',
    [
      encodeView({ type: 'look', request: 1 }),
      encodeView({
        type: 'seen',
        request: 2,
        verdict: 'shown',
        of: 3,
        links: [{ id, path: 'relay', role: 'long', rttMs: 12.34, bytes: 258 }],
      }),
      encodeView({ type: 'recall', request: 4, id }),
      encodeView({
        type: 'recalled',
        request: 5,
        verdict: 'shown',
        lines: [{ ageS: 61, event: 'ab', detail: 'c' }],
      }),
    ],
    (b) => parseView(b) ?? null,
  ),
  parser(
    'services',
    [encodeServices({ type: 'services', services: [offered] })],
    (b) => parseServices(b) ?? null,
  ),
  parser('lan-hello', [lanHello], (b) => parseLanHello(b, 7) ?? null),
  parser(
    'groups',
    [
      encodeAnnounce({ all: false, keys: Int32Array.of(1, 2, 3) }),
      encodeAsk(),
      ...encodeTable([{ position: 5, ageSeconds: 3, wanted: { all: true, keys: new Int32Array(0) } }]),
    ].map((bytes) => bytes.subarray(1)),
    parseGroups,
  ),
  parser(
    'ledger message',
    [
      encodeLedger({
        type: 'have',
        after: '00'.repeat(32),
        toEnd: true,
        authors: [{ author: hash, ends: [{ sequence: 1, hash }] }],
      }),
      encodeLedger({ type: 'part', hash, length: 300, offset: 0, bytes: key }),
    ],
    parseLedger,
  ),
  parser(
    'init',
    [handshake.encodeInit({ suite: Suite.aes256gcm, senderIndex: 1, noise: new Uint8Array(200) })],
    handshake.parseInit,
  ),
  parser(
    'response',
    [
      handshake.encodeResponse({
        suite: Suite.aes256gcm,
        senderIndex: 1,
        receiverIndex: 2,
        noise: new Uint8Array(200),
      }),
    ],
    handshake.parseResponse,
  ),
  parser(
    'cookie reply',
    [
      handshake.encodeCookieReply({
        receiverIndex: 1,
        nonce: new Uint8Array(24),
        sealedCookie: new Uint8Array(32),
      }),
    ],
    handshake.parseCookieReply,
  ),
  parser(
    'init payload',
    [handshake.encodeInitPayload({ stamp: new Uint8Array(12), boot: 3, certificate: key })],
    handshake.parseInitPayload,
  ),
  parser(
    'response payload',
    [handshake.encodeResponsePayload({ boot: 3, certificate: key })],
    handshake.parseResponsePayload,
  ),
  ...routerTargets,
  parser('bind', [relay.encodeBind(1, 2, key)], (b) => [relay.peekAssociation(b), relay.verifyBind(b, key)]),
  parser('bound', [relay.encodeBound(1, 2, endpoint, key)], (b) => relay.openBound(b, key) ?? null),
  parser('unbound', [relay.encodeUnbound(1)], (b) => relay.parseUnbound(b) ?? null),
  parser('batch', [relay.batchOf(key)], (b) => relay.batchIsWhole(b) && relay.countPackets(b)),
  parser(
    'stun request',
    [stun.encodeBindingRequest(new Uint8Array(12))],
    (b) => stun.parseBindingRequest(b) ?? null,
  ),
  parser(
    'stun answer',
    [stun.encodeBindingResponse(new Uint8Array(12), endpoint)],
    (b) => stun.parseBindingResponse(b) ?? null,
  ),
  parser(
    'stun server',
    [stun.encodeBindingRequest(new Uint8Array(12))],
    (b) => stun.answerBinding(b, endpoint) ?? null,
  ),
  parser('turn answer', turnAnswers(), (b) => parseAllocateAnswer(b) ?? null),
];

/** An address granted; a refusal (401) that names realm and nonce. */
function turnAnswers(): Uint8Array[] {
  const id = new Uint8Array(stun.transactionIdLength);
  const refusal = new ByteWriter(16);
  stun.writeAttribute(refusal, stun.StunAttribute.errorCode, Uint8Array.of(0, 0, 4, 1));
  const identity = {
    user: 'user',
    password: 'password',
    realm: utf8('example.org'),
    nonce: utf8('f//499k9'),
  };
  return [stun.finish(0x0103, id, new Uint8Array(0), false), encodeSigned(0x0113, id, refusal, identity)];
}

const frame: Target[] = [
  parser(
    'ethernet',
    frames,
    ofFrame((view, length) => {
      within(payloadOffset(view, 0, length), Math.max(length, 26));
    }),
  ),
  parser(
    'upper layer',
    frames,
    ofFrame((view, length) => (length < 54 ? null : upperLayer(view, 14, length))),
  ),
  parser(
    'transport',
    frames,
    ofFrame((view, length) => {
      if (length >= 14) locateTransport(view, 0, length);
    }),
  ),
  parser(
    'group audience',
    [...frames, ...reports],
    ofFrame((view, length) => (length < 14 ? null : audienceOf(view, 0, length))),
  ),
  parser(
    'group report',
    reports,
    ofFrame((view, length) => {
      const inside = (_view: DataView, at: number, v6: boolean): void => {
        within(at + (v6 ? 16 : 4), length);
      };
      const sink = { joined: inside, left: inside };
      return length < 14 ? null : readReport(view, 0, length, sink);
    }),
  ),
];

const identity: Target[] = [
  parser('credential', credentials, (b) => [parseCredential(b), ownerOf(b)]),
  parser(
    'certificate',
    parts.map((p) => p.certificate),
    (b) => parseCertificate(b) ?? null,
  ),
  parser('invite', present(parts.map((p) => p.invite)), (b) => parseInvite(b) ?? null),
  parser('receipt', present(parts.map((p) => p.receipt)), (b) => parseReceipt(b) ?? null),
  parser('announcement', [key], (b) => parseAnnouncement(b) ?? null),
  parser('network', [bytesOf(first.network)], (b) => openNetwork(b) ?? null, 2),
  parser('statement', statements, (b) => parseStatement(b, root.publicKey) ?? null),
  textParser(
    'token',
    first.invites.map(({ token }) => token),
    refusing(decodeToken),
    4,
  ),
];

const hello = {
  type: 'hello',
  version: 1,
  agent: 'evio/1',
  network: toBase64Url(key),
  credential: first.credential,
};
const text: Target[] = [
  textParser(
    'to relay',
    [hello, { type: 'find', id: 1, query: { text: 'ben' } }, { type: 'locate', id: 1, positions: [id] }].map(
      (m) => JSON.stringify(m),
    ),
    (t) => parseToRelay(t) ?? null,
    4,
  ),
  textParser(
    'to node',
    ['{"type":"refused","code":"full","message":"x"}', '{"type":"gone","id":"' + id + '"}'],
    (t) => parseToNode(t) ?? null,
    4,
  ),
  textParser(
    'control line',
    [
      '{"id":1,"method":"ping","params":{"peer":"a","count":1,"timeoutMs":5}}\n',
      '{"id":1,"method":"status"}\n{}\n',
    ],
    (t) => {
      for (const line of new LineSplitter(4_096).push(t) ?? []) {
        const value = parseJson(line) as { method?: unknown; params?: unknown } | null | undefined;
        const method = typeof value === 'object' ? value?.method : undefined;
        if (typeof method === 'string' && Object.hasOwn(methods, method))
          methods[method as keyof typeof methods].request.safeParse(value?.params ?? {});
      }
      return null;
    },
    4,
  ),
  textParser('profile', [JSON.stringify(first), JSON.stringify(second)], json(profileSchema), 2),
  textParser(
    'state',
    ['{"version":1,"port":4242,"known":["' + first.credential + '"]}'],
    json(stateSchema),
    2,
  ),
  textParser(
    'relay url',
    ['evio://relay.example.org:3478#' + toBase64Url(key), 'wss://[2001:db8::1]:443/x#' + toBase64Url(key)],
    refusing(parseRelayUrl),
  ),
  textParser(
    'endpoint',
    ['192.0.2.1:4242', '[2001:db8::1%eth0]:1', '[::ffff:192.0.2.1]:9'],
    (t) => parseEndpoint(t) ?? null,
  ),
  textParser('prefix', ['10.0.0.0/8', '2001:db8::/32', '::/0'], (t) => parsePrefix(t) ?? null),
  textParser('cidr', ['10.144.0.0/16'], refusing(checkCidr)),
  textParser('node name', ['web-1'], refusing(checkNodeName)),
  textParser('peer', ['web-1', '10.144.0.1', id], refusing(checkPeer)),
];

export const parsers: readonly Target[] = [
  ...wire,
  ...frame,
  ...identity,
  ...text,
  ...documents,
  ...userspaceTargets(),
  ...handover,
];
