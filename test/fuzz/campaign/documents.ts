/** More parsers: policies, what spreads between members, what a relay keeps and shows, files, and what other programs print. */
import { parseDuration } from '../../../src/cli/duration.js';
import { CniError } from '../../../src/cni/errors.js';
import { parseJson as parseCniJson, readConfig } from '../../../src/cni/config.js';
import { readAddresses } from '../../../src/cni/result.js';
import { parseHealth } from '../../../src/core/doctor/relay-probe.js';
import { verifyCredential } from '../../../src/core/identity/certificate.js';
import { verifyInvite } from '../../../src/core/identity/invite.js';
import { signAnnouncement } from '../../../src/core/identity/announcement.js';
import { signFarewell, verifyFarewell } from '../../../src/core/identity/farewell.js';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { networkIdOf } from '../../../src/core/identity/node-id.js';
import { signReceipt, verifyReceipt } from '../../../src/core/identity/receipt.js';
import { parseRootFile } from '../../../src/core/identity/root-file.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { parseHostPort } from '../../../src/core/lib/endpoint.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { parseCidr, parseIpv4 } from '../../../src/core/lib/ipv4.js';
import { parseJson } from '../../../src/core/lib/json.js';
import { parsePrefix, type Prefix } from '../../../src/core/lib/prefix.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { compilePolicy } from '../../../src/core/policy/compile.js';
import { decodePolicy, encodePolicy } from '../../../src/core/policy/document.js';
import type { Subject } from '../../../src/core/policy/evaluate.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import { parseRelayAddress } from '../../../src/core/relays/net/relay-url.js';
import { encodeRoute, parseRoute } from '../../../src/core/tap/route-message.js';
import { encodeSubnets, parseSubnets } from '../../../src/core/wire/subnets.js';
import { encodeIce, parseIce } from '../../../src/core/wire/ice.js';
import { encodeTestimony, parseTestimony } from '../../../src/core/wire/testimony.js';
import { Registry } from '../../../src/rendezvous/registry.js';
import { applyLine } from '../../../src/rendezvous/registry-state.js';
import { linesOfReceipts, linesOfStateFile } from '../../../src/rendezvous/state-before.js';
import { stateLine } from '../../../src/rendezvous/state-lines.js';
import { openTicket, signTicket } from '../../../src/rendezvous/ticket.js';
import { memberProfiles } from '../../support/members.js';
import { VirtualClock } from '../../support/virtual.js';
import { parser, textParser, type Target } from './target.js';

const clock = new VirtualClock();
const self = selfOf(memberProfiles(1, clock)[0] as Profile);
const seed = new Uint8Array(32).fill(9);
const keys = keysFromSeed(seed);
const id = '0123456789abcdef0123456789abcdef';

/** Refused by an error of its own kind, never by another. */
const refusing =
  <T>(parse: (text: string) => T, kind: new (...args: never[]) => Error) =>
  (text: string): T | null => {
    try {
      return parse(text) ?? null;
    } catch (thrown) {
      if (thrown instanceof kind) return null;
      throw thrown;
    }
  };

/* ---- policies ---- */

const policies = [
  'default deny\ngroup ops = tag:admin,anna\nallow group:ops -> *\nallow tag:lb -> tag:web tcp 80,443\n',
  'deny tag:guest -> 10.144.3.0/24\nallow * -> * udp 1000-1999,5000\nallow role:leaf -> id:' +
    `${id} icmp,proto:47\nquarantine on scan,spoof for 10m\nexpect tag:lb -> anna tcp 443 allowed\n`,
];
const subject = (n: number): Subject => ({
  id: `${n}`.padStart(32, '0'),
  name: `n${n}`,
  ip: 0x0a90_0300 + n,
  role: n % 2 === 0 ? 'leaf' : 'switch',
  tags: n % 3 === 0 ? ['web', 'guest'] : ['lb'],
});
const senders = [1, 2, 3, 4].map((n) => ({ slot: n, subject: subject(n) }));

/** What can be read can be compiled. */
function policy(text: string): unknown {
  const parsed = parsePolicy(text);
  if (!parsed.ok) return parsed.faults;
  const { classes } = compilePolicy(parsed.policy, subject(0), senders, 8);
  if (classes.length > senders.length + 1) throw new Error('more classes than senders');
  return classes;
}

/* ---- what spreads between members ---- */

const announcement = signAnnouncement(
  {
    nodeKey: keys.publicKey,
    serial: 3,
    signedAt: 5,
    subnets: [
      { prefix: parsePrefix('10.9.0.0/16') as Prefix, shared: false, since: 1 },
      { prefix: parsePrefix('fd00:9::/32') as Prefix, shared: true, since: 1 },
    ],
  },
  keys,
);
const farewell = signFarewell(keys.publicKey, keys, 5);
const receipt = signReceipt(
  {
    witnessKey: keys.publicKey,
    inviteKey: keys.publicKey,
    nodeKey: keys.publicKey,
    joined: 5,
    held: { ip: 1, ipSince: 5, nameDigest: new Uint8Array(8), nameSince: 5 },
  },
  keys,
);
const spread: Target[] = [
  parser(
    'subnets',
    [
      encodeSubnets({ type: 'tally', count: 3, digest: new Uint8Array(8) }),
      encodeSubnets({ type: 'inventory', from: id, to: id, entries: [{ id, serial: 4 }] }),
      encodeSubnets({ type: 'announce', credential: self.credential, announcement }),
    ],
    parseSubnets,
  ),
  parser(
    'ice',
    [
      encodeIce({ type: 'want', call: 1, servers: [{ host: '192.0.2.1', port: 1 }] }),
      encodeIce({
        type: 'offer',
        call: 1,
        servers: [],
        description: {
          user: 'abcd',
          password: 'a'.repeat(22),
          fingerprint: new Uint8Array(32),
          candidates: [{ kind: 'host', priority: 1, endpoint: { host: '192.0.2.1', port: 1 } }],
        },
      }),
    ],
    parseIce,
  ),
  parser('testimony', [encodeTestimony({ type: 'farewell', document: farewell })], parseTestimony),
  parser('farewell', [farewell], (b) => verifyFarewell(b, networkIdOf(keys.publicKey)) ?? null, 2),
  parser('receipt, verified', [receipt], (b) => verifyReceipt(b) ?? null, 2),
  parser(
    'credential, verified',
    [self.credential],
    (b) => {
      const verdict = verifyCredential(b, self.network, clock.date());
      if (verdict.ok && verdict.member.idText !== self.idText) throw new Error('a member that nobody signed');
      return verdict;
    },
    1,
  ),
  parser('invite, verified', [self.credential], (b) => verifyInvite(b, keys.publicKey) ?? null, 2),
];

/* ---- what a relay keeps, and shows ---- */

const lines = [
  '{"kind":"begin"}',
  '{"kind":"admit","network":"0123456789abcdef","name":"home","by":"claim","at":5}',
  `{"kind":"member","network":"0123456789abcdef","credential":"${toBase64Url(self.credential)}","lastSeen":5}`,
  `{"kind":"seen","network":"0123456789abcdef","id":"${id}","lastSeen":9}`,
  '{"kind":"use","network":"0123456789abcdef","invite":"aa","notAfter":5,"node":"bb","time":6}',
];
const ticket = signTicket(new Uint8Array(8).fill(1), 5, 2, keys);
const relay: Target[] = [
  textParser('relay state', lines, (text) => {
    const registry = new Registry();
    for (const line of text.split('\n')) {
      const parsed = stateLine.safeParse(parseJson(line));
      if (parsed.success) applyLine(registry, parsed.data);
    }
    return registry.memberCount;
  }),
  textParser(
    'relay state of before',
    ['{"version":1,"networks":[{"id":"0123456789abcdef","members":[],"invites":[]}]}'],
    (text) => [linesOfStateFile(text, 5) ?? null, linesOfReceipts(text)],
  ),
  parser('ticket', [ticket], (b) => openTicket(b, keys) ?? null, 2),
  textParser(
    'health',
    ['{"status":"ok","udpPort":443,"alternatePort":444}'],
    (text) => parseHealth(text, text.slice(0, 40), 1) ?? null,
  ),
];

/* ---- files, people, the kernel and other programs ---- */

const rootFile = `evioroot1${toBase64Url(Uint8Array.of(1, 17, ...new Uint8Array(64 + 16 + 24 + 48)))}`;
const cni = JSON.stringify({
  cniVersion: '1.1.0',
  name: 'n',
  type: 'evio-cni',
  ipam: { type: 'host-local' },
});
const others: Target[] = [
  textParser('root file', [rootFile], (text) => parseRootFile(text) ?? null),
  textParser(
    'relay address',
    ['relay.example.org:3478', 'wss://a:443'],
    refusing(parseRelayAddress, EvioError),
  ),
  textParser('host and port', ['[::1]:99', 'a.example:3'], (text) => parseHostPort(text) ?? null),
  textParser('IPv4', ['192.0.2.255'], (text) => parseIpv4(text) ?? null),
  textParser('IPv4 range', ['192.0.2.0/24'], (text) => parseCidr(text) ?? null),
  textParser('duration', ['5m', '1.5h', '30'], refusing(parseDuration, EvioError)),
  parser(
    'route',
    ['10.0.0.0/8', 'fd00::/16'].map((text) =>
      encodeRoute({
        prefix: parsePrefix(text) as Prefix,
        metric: 9,
        via: { device: 3, gateway: Uint8Array.from({ length: 16 }, (_, i) => (i < 10 ? 0 : 255)) },
      }),
    ),
    (b) => parseRoute(b) ?? null,
  ),
  textParser(
    'CNI configuration',
    [cni],
    refusing((text) => readConfig(parseCniJson(text)), CniError),
    4,
  ),
  textParser(
    'IPAM answer',
    ['{"ips":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"}],"routes":[{"dst":"0.0.0.0/0"}]}'],
    refusing((text) => readAddresses(parseJson(text), 'p'), CniError),
    4,
  ),
];

export const documents: readonly Target[] = [
  textParser('policy', policies, policy, 4),
  parser('policy document', policies.map(encodePolicy), (b) => decodePolicy(b) ?? null, 4),
  ...spread,
  ...relay,
  ...others,
];
