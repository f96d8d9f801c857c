/** The values of the vectors: seeds are 32 equal bytes, times are round numbers. */
import { encodeCredential, signCertificate } from '../../src/core/identity/certificate.js';
import { signInvite } from '../../src/core/identity/invite.js';
import { signSuccession } from '../../src/core/identity/succession.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { signNetwork } from '../../src/core/identity/network.js';
import { macOf, nodeIdOf } from '../../src/core/identity/node-id.js';
import { nameDigest, signReceipt } from '../../src/core/identity/receipt.js';
import { emptyHead } from '../../src/core/ledger/statement.js';
import { concatBytes, toHex, utf8 } from '../../src/core/lib/bytes.js';
import { beaconKey, challengeLength } from '../../src/core/wire/beacon.js';
import { encodeCard } from '../../src/core/wire/ring.js';
import { codecs, plain, type Vector } from './codecs.js';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const [root, invite, node, relay] = [seed(1), seed(2), seed(3), seed(4)];
const publicOf = (of: Uint8Array): Uint8Array => keysFromSeed(of).publicKey;
const date = 1_790_000_000_000;
const year = 365 * 86_400_000;
const range = { base: 0x0a90_0000, prefix: 16 };

const facts = {
  rootKey: publicOf(root),
  name: 'home',
  cidr: range,
  mtu: 1350,
  serial: 1,
  relays: [{ address: 'relay.example.org:3478', key: publicOf(relay) }],
};
const invited = {
  key: publicOf(invite),
  notAfter: date + 86_400_000,
  uses: 10,
  roles: 3,
  rights: 1,
  ephemeral: false,
  range,
  tags: ['web', 'prod'],
};
const certified = {
  nodeKey: publicOf(node),
  name: 'web-1',
  ip: 0x0a90_0007,
  role: 1,
  rights: 1,
  tags: ['web', 'prod'],
  notBefore: date,
  notAfter: date + 5 * year,
};
const witnessed = {
  witnessKey: publicOf(relay),
  inviteKey: publicOf(invite),
  nodeKey: publicOf(node),
  joined: date + 5,
  held: { ip: certified.ip, ipSince: date + 5, nameDigest: nameDigest('web-1'), nameSince: date + 6 },
};
const networkBytes = signNetwork(facts, keysFromSeed(root));
const inviteBytes = signInvite(invited, keysFromSeed(root));
const credential = {
  certificate: signCertificate(certified, keysFromSeed(invite), keysFromSeed(node)),
  invite: inviteBytes,
  receipt: signReceipt(witnessed, keysFromSeed(relay)),
};
const endpoint = { host: '192.0.2.1', port: 4242 };
const candidates = [
  { kind: 'host', endpoint },
  { kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 4243 } },
];
const id = toHex(nodeIdOf(publicOf(node)));
const other = toHex(nodeIdOf(publicOf(relay)));
const card = { credential: codecs['credential']?.encode(credential), candidates };
const cardBytes = encodeCard(card as Parameters<typeof encodeCard>[0]);
const described = {
  user: 'evio',
  password: 'twenty2characterspassw',
  fingerprint: seed(5),
  candidates: [{ kind: 'srflx', priority: 1_694_498_815, endpoint }],
};
const shake = {
  prologue: concatBytes(utf8('evio data 1'), publicOf(root)),
  initiatorSeed: node,
  responderSeed: relay,
  initiatorEphemeral: seed(0x51),
  responderEphemeral: seed(0x52),
  initPayload: utf8('payload of the initiator'),
  responsePayload: utf8('payload of the responder'),
  initiatorIndex: 0x1234_5678,
  responderIndex: 0x9abc_def0,
};
const statement = { network: publicOf(root), authorSeed: root, head: emptyHead, time: date };
const hash = '11'.repeat(32);
const floods = {
  originSeed: node,
  bound: Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xd0, 0),
  ttl: 255,
  flags: 0,
  epoch: date,
  sequence: 7,
  inners: ['one', 'two', 'three'].map((text) => concatBytes(Uint8Array.of(0), utf8(`${text} frame to all`))),
};
const relayed = {
  association: 0x0007_0003,
  source: nodeIdOf(publicOf(node)),
  destination: nodeIdOf(publicOf(relay)),
  packet: seed(8),
};
const announced = {
  announcement: {
    nodeKey: publicOf(node),
    serial: 3,
    signedAt: date,
    subnets: [
      { prefix: '192.168.7.0/24', shared: false, since: 1_790_000_000 },
      { prefix: 'fd00:7::/32', shared: true, since: 1_790_000_001 },
    ],
  },
  ownerSeed: node,
};

const values: readonly (readonly [kind: string, name: string, value: unknown])[] = [
  ['key', 'of the root', { seed: root }],
  ['key', 'of a node', { seed: node }],
  ['network', 'with one relay', { facts, rootSeed: root }],
  ['network', 'without relays', { facts: { ...facts, relays: [], serial: 7 }, rootSeed: root }],
  ['invite', 'for ten', { invite: invited, rootSeed: root }],
  [
    'invite',
    'of members that are soon forgotten',
    { invite: { ...invited, ephemeral: true, tags: [] }, rootSeed: root },
  ],
  [
    'invite',
    'a renewal',
    {
      invite: {
        ...invited,
        issuer: publicOf(root),
        key: publicOf(node),
        notAfter: date + 5 * year,
        uses: 0,
        joined: date + 5,
      },
      rootSeed: root,
    },
  ],
  [
    'invite',
    'whose joiners wait for an admin',
    { invite: { ...invited, issuer: publicOf(root), approvals: 1 }, rootSeed: root },
  ],
  [
    'invite',
    'a renewal for another key',
    {
      invite: {
        ...invited,
        issuer: publicOf(root),
        key: publicOf(node),
        follows: signSuccession(publicOf(root), keysFromSeed(relay), publicOf(node)),
        notAfter: date + 5 * year,
        uses: 0,
        joined: date + 5,
      },
      rootSeed: root,
    },
  ],
  ['certificate', 'by an invite', { certificate: certified, issuerSeed: invite, ownerSeed: node }],
  [
    'certificate',
    'by the root',
    { certificate: { ...certified, rights: 0, tags: [] }, issuerSeed: root, ownerSeed: node },
  ],
  ['receipt', 'by a relay', { receipt: witnessed, witnessSeed: relay }],
  ['credential', 'whole', credential],
  ['testimony', 'a member asks to be renewed', { type: 'renew', document: credential.certificate }],
  ['testimony', 'it is', { type: 'renewed', document: encodeCredential(credential) }],
  [
    'testimony',
    'a member asks for another key',
    {
      type: 'rekey',
      document: concatBytes(
        signSuccession(publicOf(root), keysFromSeed(relay), publicOf(node)).signature,
        credential.certificate,
      ),
    },
  ],
  ['token', 'for ten', { network: networkBytes, invite: inviteBytes, inviteSeed: invite }],
  ['statement', 'a new admin', { ...statement, said: { kind: 'admin-add', key: publicOf(node) } }],
  [
    'statement',
    'a member that is barred',
    { ...statement, said: { kind: 'bar-member', key: publicOf(node), name: 'web-1', reason: 'lost' } },
  ],
  [
    'statement',
    'a key that follows another',
    {
      ...statement,
      said: {
        kind: 'succeed',
        key: publicOf(node),
        follows: signSuccession(publicOf(root), keysFromSeed(relay), publicOf(node)),
      },
    },
  ],
  ['statement', 'a member that is let in', { ...statement, said: { kind: 'admit', id } }],
  [
    'statement',
    'two admins must let in who joins',
    { ...statement, said: { kind: 'admission', approvals: 2, kept: [id, other] } },
  ],
  [
    'statement',
    'an admin that is no more',
    {
      ...statement,
      head: { sequence: 1, hash },
      said: { kind: 'admin-remove', key: publicOf(node), sequence: 3, head: seed(0x12), kept: [id] },
    },
  ],
  [
    'statement',
    'an invite that is barred',
    { ...statement, said: { kind: 'bar-invite', key: publicOf(invite), kept: [id] } },
  ],
  [
    'statement',
    'other facts',
    { ...statement, said: { kind: 'facts', serial: 2, name: 'home', mtu: 1300, relays: facts.relays } },
  ],
  ['statement', 'a policy', { ...statement, said: { kind: 'policy', serial: 1, document: seed(5) } }],
  [
    'statement',
    'another root key',
    { ...statement, said: { kind: 'root-replace', key: publicOf(seed(10)), kept: [] } },
  ],
  ['flood', 'alone', { ...floods, inners: floods.inners.slice(0, 1), place: 0 }],
  ['flood', 'the second of three', { ...floods, place: 1 }],
  ['relay-send', 'from a node to another', relayed],
  ['relay-deliver', 'the same, as it arrives', relayed],
  ['announcement', 'of two subnets', announced],
  ['subnets', 'tally', { type: 'tally', count: 2, digest: seed(4).subarray(0, 8) }],
  ['subnets', 'inventory', { type: 'inventory', from: id, to: other, entries: [{ id, serial: 4 }] }],
  [
    'subnets',
    'announce',
    {
      type: 'announce',
      credential: card.credential,
      announcement: codecs['announcement']?.encode(announced),
    },
  ],
  ['farewell', 'of a node', { rootKey: publicOf(root), nodeSeed: node, time: date }],
  ['testimony', 'a receipt', { type: 'receipt', document: credential.receipt }],
  ['ticket', 'for two networks', { id: seed(1).subarray(0, 8), notAfter: date, uses: 2, relaySeed: relay }],
  ['policy', 'of three lines', { text: 'default deny\nallow tag:web -> * tcp 443\nallow * -> * icmp\n' }],
  ['handshake', 'AES-256-GCM', { ...shake, suite: 1 }],
  ['handshake', 'ChaCha20-Poly1305', { ...shake, suite: 2 }],
  [
    'data',
    'a frame, AES-256-GCM',
    {
      suite: 1,
      key: seed(6),
      index: 0x1234_5678,
      counter: 5,
      plaintext: concatBytes(Uint8Array.of(0), utf8('an Ethernet frame')),
    },
  ],
  [
    'data',
    'a frame, ChaCha20-Poly1305',
    {
      suite: 2,
      key: seed(6),
      index: 0x1234_5678,
      counter: 2 ** 40,
      plaintext: concatBytes(Uint8Array.of(0), utf8('an Ethernet frame')),
    },
  ],
  ['ping', 'of the shortest length', { type: 'ping', transaction: 5, size: 9 }],
  [
    'pong',
    'direct',
    { type: 'pong', transaction: 5, observed: endpoint, directFrames: 70_000, joins: true, copies: true },
  ],
  ['offer', 'of two', { type: 'offer', sequence: 3, candidates }],
  ['accept', '', { type: 'accept', sequence: 3 }],
  ['goodbye', '', { type: 'goodbye' }],
  [
    'nat',
    'with ports',
    {
      type: 'nat',
      mapping: 'address-and-port-dependent',
      filtering: 'address-and-port-dependent',
      ports: 'sequential',
      range: { first: endpoint, count: 12 },
    },
  ],
  ['ice', 'want', { type: 'want', call: 7, servers: [endpoint] }],
  ['ice', 'offer', { type: 'offer', call: 7, description: described, servers: [] }],
  ['ice', 'answer', { type: 'answer', call: 7, description: described }],
  ['ice', 'end', { type: 'end', call: 7 }],
  ['view', 'look', { type: 'look', request: 9 }],
  [
    'view',
    'seen',
    {
      type: 'seen',
      request: 9,
      verdict: 'shown',
      of: 3,
      links: [
        { id, path: 'direct', role: 'successor', rttMs: 12.5, bytes: 5_000_000_000 },
        { id: other, path: 'relay', role: 'none', rttMs: null, bytes: 0 },
      ],
    },
  ],
  ['view', 'recall', { type: 'recall', request: 9, id }],
  [
    'view',
    'recalled',
    {
      type: 'recalled',
      request: 9,
      verdict: 'shown',
      lines: [{ ageS: 60, event: 'path', detail: 'direct 192.0.2.1:4242' }],
    },
  ],
  [
    'services',
    'of two',
    {
      type: 'services',
      services: [
        { name: 'http', protocol: 'tcp', port: 8080, text: 'path=/' },
        { name: 'syslog', protocol: 'udp', port: 514, text: '' },
      ],
    },
  ],
  ['services', 'ask', { type: 'ask' }],
  [
    'birthday',
    'holes',
    { type: 'holes', round: 3, both: true, towards: endpoint, mark: seed(5).subarray(0, 16) },
  ],
  ['birthday', 'end', { type: 'end', round: 3 }],
  ['knock', 'asks', { type: 'knock', mark: seed(5).subarray(0, 16) }],
  ['knock', 'answers', { type: 'answer', mark: seed(5).subarray(0, 16) }],
  [
    'beacon',
    'that answers one',
    {
      ...{ challenge: seed(6).subarray(0, challengeLength), echoes: [seed(7).subarray(0, challengeLength)] },
      ...{ card: cardBytes, key: beaconKey(publicOf(root)), nonce: seed(8).subarray(0, 24) },
    },
  ],
  [
    'lan-hello',
    'of who passes frames',
    {
      ...{ word: 0x1234_5678, open: true, date, credential: card.credential },
      ...{ mac: macOf(nodeIdOf(publicOf(node))), signature: concatBytes(seed(9), seed(9)) },
    },
  ],
  ['init-payload', '', { stamp: seed(1).subarray(0, 12), boot: 0x1234_5678, certificate: card.credential }],
  ['response-payload', '', { boot: 0x1234_5678, certificate: card.credential }],
  ['cookie-reply', '', { receiverIndex: 0x1234_5678, nonce: seed(2).subarray(0, 24), sealedCookie: seed(3) }],
  ['card', 'of a node', card],
  [
    'ring',
    'table',
    {
      type: 'table',
      version: 3,
      claims: 5,
      leaf: false,
      settled: true,
      successors: [id, other],
      predecessors: [other],
      others: [],
      indirect: [id],
    },
  ],
  ['ring', 'beat', { type: 'beat', seen: 3, claims: 1, answer: true }],
  ['ring', 'refuse', { type: 'refuse' }],
  ['ring', 'seek', { type: 'seek', nonce: 77, target: id, hops: 8, card: cardBytes }],
  ['ring', 'sought', { type: 'sought', nonce: 77, id, card: cardBytes }],
  ['ring', 'meet', { type: 'meet', id }],
  ['ring', 'introduce', { type: 'introduce', card: cardBytes }],
  ['ring', 'whose', { type: 'whose', id }],
  ['ring', 'vouch', { type: 'vouch', id, credential: card.credential }],
  [
    'ledger-message',
    'have',
    {
      type: 'have',
      after: '00'.repeat(32),
      toEnd: true,
      authors: [{ author: hash, ends: [{ sequence: 4, hash }] }],
    },
  ],
  ['ledger-message', 'part', { type: 'part', hash, length: 200, offset: 0, bytes: seed(9) }],
  ['groups-announce', 'two', { type: 'announce', wanted: { all: false, keys: [-5, 0x5e01_0203] } }],
  ['groups-ask', '', { type: 'ask' }],
  [
    'groups-table',
    'one',
    {
      type: 'table',
      last: true,
      entries: [{ position: 4096, ageSeconds: 9, wanted: { all: true, keys: [] } }],
    },
  ],
  ['bind', '', { association: 9, counter: 3, key: seed(7) }],
  ['bound', '', { association: 9, counter: 3, observed: endpoint, key: seed(7) }],
  ['unbound', '', { association: 9 }],
  ['carrier', 'one packet', { peer: nodeIdOf(publicOf(node)), packet: seed(8) }],
];

/** Every vector as this program makes it now. */
export function makeVectors(): Vector[] {
  return values.map(([kind, name, value]) => {
    const codec = codecs[kind];
    if (!codec) throw new Error(`no codec ${kind}`);
    return { kind, name, value: plain(value), bytes: toHex(codec.encode(value)) };
  });
}
