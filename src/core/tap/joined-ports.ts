/**
 * What else of this machine takes part in the network's layer 2 by its interface: pods, and a LAN. Each has a pair of veths, one
 * end of which is a port here; filters (tc-message.ts) sort what arrives at the interface and at the ports.
 *
 *   network ─▶ evio0 ── for a pod: handed over; for a group: copies ────────▶ pod port ═ veth ═ bridge ─▶ pods
 *               │  ├──── neither for the node nor a pod; groups: a copy ────▶ LAN port ═ veth ═ bridge ─▶ LAN
 *               │  └──── from the node itself, written back by the plane ───▶ LAN port
 *               ▼ for the node, and groups
 *   network ◀─ evio0 ◀─ all that comes; for the node's MAC: to the node ──── either port
 *
 * The plane does what filters cannot (dataplane/loop/lan-port.ts): it knows which addresses lie on the LAN.
 * A LAN port that is closed lets hellos pass, to and from the plane, and nothing else (wire/lan-hello.ts).
 * What a bridge must not pass on (IEEE 802.1D table 7-10: spanning tree, LACP, 802.1X, LLDP) ends at the port.
 */
import { readFileSync } from 'node:fs';
import { errnoName } from '../native/libc.js';
import { NetlinkError, NetlinkFlag, type Netlink } from '../native/netlink.js';
import { interfaceIndex } from '../native/packet-ring.js';
import { EvioError } from '../lib/errors.js';
import { lanHelloType } from '../wire/lan-hello.js';
import { podMacHigh } from '../wire/pod-mac.js';
import { podPortOf } from './pod-port.js';
import {
  encodeArrivals,
  encodeHandover,
  TrafficMessage,
  type FrameMatch,
  type Handing,
  type Handover,
} from './tc-message.js';
import { withNetlink } from './with-netlink.js';

/** The port of a LAN, as the filters need it. */
export interface JoinedLan {
  /** Name of its port. */
  readonly port: string;
  /** The first four bytes of the network's id: hellos of other networks are frames like others. */
  readonly word: number;
  readonly open: boolean;
}

/** What is compared lies in 4 bytes from an offset that 4 divides; the Ethernet header is the 14 bytes before 0. */
const destinationAt = -16;
const sourceAt = -8;
const toPods = [{ offset: destinationAt, mask: 0xffff, value: podMacHigh }] as const;
const toGroups = [{ offset: destinationAt, mask: 0x0100, value: 0x0100 }] as const;
/** 01-80-C2-00-00-00 to -0F. */
const toBridges = [
  { offset: destinationAt, mask: 0xffff, value: 0x0180 },
  { offset: destinationAt + 4, mask: 0xffff_fff0, value: 0xc200_0000 },
] as const;
const all = [{ offset: 0, mask: 0, value: 0 }] as const;

/** Frames for this MAC, 6 bytes. */
function to(mac: Buffer): FrameMatch[] {
  return [
    { offset: destinationAt, mask: 0xffff, value: mac.readUInt16BE(0) },
    { offset: destinationAt + 4, mask: 0xffff_ffff, value: mac.readUInt32BE(2) },
  ];
}

/** Frames from this MAC. */
function from(mac: Buffer): FrameMatch[] {
  return [
    { offset: sourceAt, mask: 0xffff_ffff, value: mac.readUInt32BE(0) },
    { offset: sourceAt + 4, mask: 0xffff_0000, value: mac.readUInt16BE(4) * 0x1_0000 },
  ];
}

/** Hellos of the network with this word. */
function hellos(word: number): FrameMatch[] {
  return [
    { offset: sourceAt + 4, mask: 0xffff, value: lanHelloType },
    { offset: 0, mask: 0xffff_ffff, value: word },
  ];
}

/** Filters of one interface, asked in the order in which they stand. */
function inOrder(
  index: number,
  rules: readonly (readonly [readonly FrameMatch[], ...Handing[]])[],
): Handover[] {
  return rules.map(([match, ...actions], i) => ({ from: index, priority: i + 1, match, actions }));
}

/** All filters, by interface. Pure. @param pods, lan index of the port; 0: there is none */
export function handoversOf(
  own: number,
  mac: Buffer,
  pods: number,
  lan: { readonly index: number; readonly word: number; readonly open: boolean } | undefined,
): Handover[] {
  const leaves = (index: number): Handing => ({ how: 'leaves', to: index });
  const copied = (index: number): Handing => ({ how: 'copied', to: index });
  const arrives: Handing = { how: 'arrives', to: own };
  const open = lan?.open === true ? lan.index : 0;
  const groups = [pods, open].filter((index) => index !== 0).map(copied);
  const toPod = pods === 0 ? [] : ([[toPods, leaves(pods)]] as const);
  const atOwn = lan
    ? inOrder(own, [
        // The LAN's own hellos never come from the network.
        [[...hellos(lan.word), ...from(mac)], leaves(lan.index)],
        [hellos(lan.word)],
        ...(lan.open ? ([[from(mac), leaves(lan.index)], [toBridges], [to(mac)]] as const) : []),
        ...toPod,
        ...(groups.length > 0 ? [[toGroups, ...groups] as const] : []),
        ...(lan.open ? [[all, leaves(lan.index)] as const] : []),
      ])
    : inOrder(own, [...toPod, [toGroups, ...groups]]);
  const atLan = lan
    ? inOrder(lan.index, [
        [hellos(lan.word), leaves(own)],
        ...(lan.open ? ([[toBridges], [from(mac)], [to(mac), arrives], [all, leaves(own)]] as const) : []),
      ])
    : [];
  const atPods =
    pods === 0
      ? []
      : inOrder(pods, [
          [to(mac), arrives],
          [all, leaves(own)],
        ]);
  return [...atOwn, ...atLan, ...atPods];
}

/**
 * Joins the network's interface with its port for pods, where there is one, and with that of a LAN, whatever was there before.
 * True when pods take part.
 *
 * @param before there was a port that is gone
 * @throws EvioError EVIO_DEVICE
 */
export function joinPorts(device: string, lan?: JoinedLan, before = false): boolean {
  const own = interfaceIndex(device);
  const pods = interfaceIndex(podPortOf(device));
  const port = lan ? interfaceIndex(lan.port) : 0;
  if (own === 0 || (pods === 0 && port === 0 && !before)) return false;
  return withNetlink(
    (netlink) => {
      clear(netlink, own);
      if (pods === 0 && port === 0) return false;
      for (const index of [own, pods, port].filter((one) => one !== 0)) {
        if (index !== own) clear(netlink, index);
        netlink.change(TrafficMessage.addQueue, NetlinkFlag.create | NetlinkFlag.excl, encodeArrivals(index));
      }
      const joined = lan && port !== 0 ? { index: port, word: lan.word, open: lan.open } : undefined;
      for (const handover of handoversOf(own, macOf(device), pods, joined)) {
        const flags = NetlinkFlag.create | NetlinkFlag.excl;
        netlink.change(TrafficMessage.addFilter, flags, encodeHandover(handover));
      }
      return pods !== 0;
    },
    ({ errno }) => {
      throw new EvioError(
        'EVIO_DEVICE',
        `The interface ${device} cannot be joined with its ports (${errnoName(errno)}).`,
        ['The kernel needs sch_ingress, cls_u32 and act_mirred.'],
      );
    },
  );
}

/** Removes what an earlier node, or this one, had joined. */
function clear(netlink: Netlink, index: number): void {
  try {
    netlink.change(TrafficMessage.removeQueue, 0, encodeArrivals(index));
  } catch (thrown) {
    // There was nothing.
    if (!(thrown instanceof NetlinkError)) throw thrown;
  }
}

function macOf(device: string): Buffer {
  const text = readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim();
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}
