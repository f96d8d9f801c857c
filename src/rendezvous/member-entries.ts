/** The members of a network as the operator of a relay sees them: what it knows of them anyway, to serve them. */
import { formatIpv4 } from '../core/lib/ipv4.js';
import type { LocalMember } from './local-network.js';
import type { KnownMember, NetworkRecord } from './network-record.js';
import type { PacketExchange } from './packet-exchange.js';

/** More members than these are counted, and not told one by one: those that are here go first. */
export const memberEntryLimit = 4_096;

/** Dates are ms since 1970. */
export interface MemberEntry {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  /** How packets for it leave; null: it is not connected to this relay. */
  readonly transport: 'udp' | 'websocket' | null;
  /** Where it comes from; empty when it is not connected. */
  readonly host: string;
  /** Since when it is connected; null when it is not. */
  readonly since: number | null;
  /** When it went; null when it is connected. */
  readonly seen: number | null;
  /** Since when it is a member; null where nobody witnessed that. */
  readonly joined: number | null;
  /** When its certificate ends. */
  readonly expires: number;
  readonly admin: boolean;
  /** Bytes forwarded since it is connected: what it sent, and what was sent to it. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** @param packets undefined where nobody is connected */
export function memberEntries(
  record: NetworkRecord,
  here: ReadonlyMap<string, LocalMember>,
  packets: Pick<PacketExchange, 'byUdp' | 'passed'> | undefined,
): readonly MemberEntry[] {
  const entries: MemberEntry[] = [];
  for (const [id, local] of here) {
    if (entries.length >= memberEntryLimit) return entries;
    const known = record.member(id);
    if (known && packets) entries.push(connected(known, local, packets));
  }
  for (const known of record.each()) {
    if (entries.length >= memberEntryLimit) return entries;
    if (!here.has(known.id)) entries.push(gone(known));
  }
  return entries;
}

const facts = ({ id, name, ip, claims, notAfter }: KnownMember) => ({
  id,
  name,
  ip: formatIpv4(ip),
  joined: Number.isFinite(claims.joined) ? claims.joined : null,
  expires: notAfter,
});

function connected(
  known: KnownMember,
  local: LocalMember,
  packets: Pick<PacketExchange, 'byUdp' | 'passed'>,
): MemberEntry {
  const byUdp = packets.byUdp(local);
  const { sent, received } = packets.passed(local);
  return {
    ...facts(known),
    transport: byUdp ? 'udp' : 'websocket',
    host: (byUdp ? local.udpHost : undefined) ?? local.connection.observed,
    since: local.since,
    seen: null,
    admin: local.admin(),
    sentBytes: sent,
    receivedBytes: received,
  };
}

function gone(known: KnownMember): MemberEntry {
  return {
    ...facts(known),
    transport: null,
    host: '',
    since: null,
    seen: known.lastSeen,
    admin: false,
    sentBytes: 0,
    receivedBytes: 0,
  };
}
