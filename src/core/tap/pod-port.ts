/**
 * The port by which pods of this machine take part in the network's layer 2. Whoever connects pods makes a pair of veths with
 * one end called as here; the node joins it with its own interface, and does so anew whenever it has made that.
 *
 *   network ─▶ evio0 ── for a pod's MAC: handed over; for a group: a copy ──▶ evio0-port ═ veth ═ bridge ─▶ pods
 *   network ◀─ evio0 ◀─ all that comes; for the node's MAC: to the node ──── evio0-port ═ veth ═ bridge ◀─ pods
 */
import { readFileSync } from 'node:fs';
import { Arena } from '../native/arena.js';
import { errnoName, libc } from '../native/libc.js';
import { Netlink, NetlinkError, NetlinkFlag } from '../native/netlink.js';
import { EvioError } from '../lib/errors.js';
import { podMacHigh } from '../wire/pod-mac.js';
import {
  encodeArrivals,
  encodeHandover,
  TrafficMessage,
  type FrameMatch,
  type Handover,
} from './tc-message.js';

/** Name of the port of the network whose interface has this name. */
export function podPortOf(device: string): string {
  return `${device}-port`;
}

/** The destination MAC begins 14 bytes before the payload; what is compared lies in 4 bytes from an offset that 4 divides. */
const destinationAt = -16;
const toPods = [{ offset: destinationAt, mask: 0xffff, value: podMacHigh }] as const;
const toGroups = [{ offset: destinationAt, mask: 0x0100, value: 0x0100 }] as const;
const all = [{ offset: 0, mask: 0, value: 0 }] as const;

/** Frames for this MAC. */
function toMac(mac: string): FrameMatch[] {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex');
  return [
    { offset: destinationAt, mask: 0xffff, value: bytes.readUInt16BE(0) },
    { offset: destinationAt + 4, mask: 0xffff_ffff, value: bytes.readUInt32BE(2) },
  ];
}

/**
 * Joins the network's interface with its port for pods, whatever was there before. False when there is no such port.
 *
 * @throws EvioError EVIO_DEVICE
 */
export function joinPods(device: string): boolean {
  const port = indexOf(podPortOf(device));
  const own = indexOf(device);
  if (port === 0 || own === 0) return false;
  const handovers: Handover[] = [
    { from: own, to: port, priority: 1, match: toPods, how: 'leaves' },
    { from: own, to: port, priority: 2, match: toGroups, how: 'copied' },
    { from: port, to: own, priority: 1, match: toMac(macOf(device)), how: 'arrives' },
    { from: port, to: own, priority: 2, match: all, how: 'leaves' },
  ];
  let netlink: Netlink | undefined;
  try {
    netlink = new Netlink();
    for (const index of [own, port]) {
      clear(netlink, index);
      netlink.change(TrafficMessage.addQueue, NetlinkFlag.create | NetlinkFlag.excl, encodeArrivals(index));
    }
    for (const handover of handovers) {
      const flags = NetlinkFlag.create | NetlinkFlag.excl;
      netlink.change(TrafficMessage.addFilter, flags, encodeHandover(handover));
    }
    return true;
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    throw new EvioError(
      'EVIO_DEVICE',
      `The interface ${device} cannot be joined with its port for pods (${errnoName(thrown.errno)}).`,
      ['The kernel needs sch_ingress, cls_u32 and act_mirred.'],
    );
  } finally {
    netlink?.close();
  }
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

function macOf(device: string): string {
  return readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim();
}

function indexOf(device: string): number {
  const arena = new Arena(128);
  const at = arena.alloc(32);
  arena.setText(at, device);
  return libc().if_nametoindex(arena.base + at);
}
