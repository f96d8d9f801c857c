/** What a person could do so that a peer is reached directly: from what both ends know of their NATs. No I/O, no decisions. */
import { parseEndpoint } from '../lib/endpoint.js';
import type { Reach } from '../membership/reach.js';
import type { RelayReport } from '../relays/relay-report.js';
import type { UplinkReport } from '../surroundings/surroundings.js';
import type { Candidate } from '../wire/candidate.js';
import type { NatFacts } from '../wire/nat.js';

export interface WhyFacts {
  /** Monotonic ms. */
  readonly now: number;
  readonly local: readonly Candidate[];
  readonly nat: NatFacts;
  readonly udpBlocked: boolean;
  /** How this machine may reach others, as its profile says. */
  readonly reach: Pick<Reach, 'direct' | 'relayed'>;
  /** TURN servers of this node that gave no address when a call was tried last. */
  readonly unserved: readonly string[];
  readonly relays: readonly RelayReport[];
  readonly online: boolean;
  /** Default: packets leave by the preferred way out. */
  readonly uplink?: UplinkReport | undefined;
  /** Default: it is not told which paths stay on a LAN. */
  readonly onLink?: (host: string) => boolean;
}

/** What advice needs of a peer. */
export interface AdvisedPeer {
  readonly session: { readonly established: boolean };
  readonly prober: {
    readonly active: { readonly kind: string } | null;
    readonly remotes: readonly { readonly endpoint: string; readonly kind: string; readonly state: string }[];
  };
  readonly nat: NatFacts | undefined;
}

const perDestination = (nat: NatFacts | undefined): boolean =>
  nat !== undefined && /^address-/.test(nat.mapping);
const anyPath = 'To allow direct paths again: evio set --any-path';
const isV6 = (endpoint: string): boolean => endpoint.startsWith('[');

/** Whatever the path is. */
export function uplinkAdvice({ uplink }: Pick<WhyFacts, 'uplink'>): string[] {
  if (!uplink) return [];
  const { device, instead } = uplink;
  return [
    `Packets leave by ${device}: nothing was heard by ${instead}, which the routes of this machine prefer. They do again when a relay answers there.`,
  ];
}

/** Most useful first. Empty when the path is direct. */
export function adviceOf(peer: AdvisedPeer, facts: WhyFacts): string[] {
  const { active, remotes } = peer.prober;
  if (active?.kind === 'direct') return [];
  // Keys outlive the last way: what is missing then is a relay or the peer, whatever the NATs do.
  const { established } = peer.session;
  const apart = established && active ? [] : unreached(facts);
  if (!established || apart.length > 0) return apart;
  if (!facts.reach.direct) return [`This machine is set to use relays only (--relay-only). ${anyPath}`];
  if (facts.udpBlocked)
    return [
      ...unserved(facts),
      'No relay answers this machine by UDP, so that it has no address for a direct path. See that the firewall here lets UDP out, and its answers in; where other members are told this, too, let UDP in where the relay runs (its firewall, and the security group of a cloud).',
    ];
  const narrow = remotes.some((r) => r.state === 'narrow')
    ? [
        'A direct path answers small packets only: its MTU is too small, or it loses most of what is sent now (it is tried again within a minute). It must pass IP packets of 1105 bytes; where the other member runs an older evio, whole frames of this network.',
      ]
    : [];
  return [...unserved(facts), ...narrow, ...natAdvice(peer, facts)];
}

/** "evio doctor" tells which of the two it is. */
function unserved({ unserved: servers }: WhyFacts): string[] {
  if (servers.length === 0) return [];
  return [
    `No call goes by ${servers.join(', ')}, which gave this machine no address: it does not answer by UDP, or refuses user and password. Run "evio doctor" here.`,
  ];
}

function unreached({ relays, online, reach }: WhyFacts): string[] {
  if (relays.length > 0 && relays.every((r) => r.state !== 'connected'))
    return ['No relay is reachable from here. "evio doctor" looks for the cause.'];
  if (!online)
    return [
      'The peer is not connected to any relay that we use: see that its machine is on and online, and that evio runs there.',
    ];
  return reach.relayed
    ? []
    : ['This machine is set to send no data by relays (--no-relay). To allow it again: evio set --any-path'];
}

function natAdvice(
  { nat: there, prober: { remotes } }: AdvisedPeer,
  { nat: here, local, online }: WhyFacts,
): string[] {
  if (remotes.length === 0)
    return there !== undefined && there.mapping !== 'unknown'
      ? [
          'The peer offers no address though its UDP reaches a relay: it is set to use relays only (--relay-only). To allow direct paths again, there: evio set --any-path',
        ]
      : ['The peer offered no address: UDP may be blocked on its side.'];
  // Behind NAT64 a machine without IPv4 has an IPv4 address outside.
  const offered = remotes.filter(({ kind }) => kind === 'host').map(({ endpoint }) => isV6(endpoint));
  const own = local.filter(({ kind }) => kind === 'host').map(({ endpoint }) => endpoint.host.includes(':'));
  if (own.length > 0 && offered.length > 0 && !own.some((v6) => offered.includes(v6)))
    return [
      `This machine has IPv${own[0] ? 6 : 4} only and the peer IPv${own[0] ? 4 : 6} only: no packet goes from one to the other but by a relay. Give either of them the other family, too.`,
    ];
  if (online && there?.mapping === 'unknown')
    return ['UDP of the peer reaches no relay: allow outgoing UDP in the firewall on its side.'];
  const open =
    'forward a UDP port to it (sudo evio node --port P), let its router open one (PCP, NAT-PMP, UPnP), or set the router to endpoint-independent mapping ("full cone")';
  if (perDestination(here) && perDestination(there)) {
    const luck =
      here.ports === 'random' && there?.ports === 'random'
        ? ' `evio node --birthday` on both ends tries its luck, which it has once in 250 times.'
        : '';
    return [
      `The NATs of both ends give each destination another port, so neither can tell the other where to send. For one of the two machines: ${open}.${luck}`,
    ];
  }
  if (perDestination(here)) return [`The NAT here maps ${here.mapping}. For this machine: ${open}.`];
  if (perDestination(there))
    return [`The NAT there maps ${there?.mapping ?? ''}. For the peer, or for this machine: ${open}.`];
  if (remotes.some(({ state }) => state === 'waiting' || state === 'probing'))
    return ['Addresses of the peer are still being tried: ask again in a few seconds.'];
  const outside = local.filter(({ kind }) => kind === 'reflexive').map(({ endpoint }) => endpoint.host);
  const shared = remotes
    .filter(({ kind }) => kind === 'reflexive')
    .map(({ endpoint }) => parseEndpoint(endpoint)?.host)
    .find((host) => host !== undefined && outside.includes(host));
  if (shared !== undefined)
    return [
      `Both are behind the same NAT (${shared}), which does not turn packets back inside: have it do so ("hairpinning"), or the router of either open a port (PCP, NAT-PMP, UPnP).`,
    ];
  // What answers small packets was let in.
  if (remotes.some(({ state }) => state === 'narrow')) return [];
  return [
    'The NAT or firewall on the other side lets nothing in: run "evio why" there, or forward a UDP port on either side.',
  ];
}
