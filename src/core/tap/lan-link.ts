/**
 * How a LAN is connected with the port of a network (joined-ports.ts): by a pair of veths, one end of which is a port of a
 * Linux bridge. A bridge that is there is used as it is; a plain interface gets one, which goes with the port.
 *
 *   evl… ═ evp… ── evb…, or the bridge that was named ── the interface that was named ─▶ LAN
 *
 * The names follow from the network, so what a killed node left is found by them. Only what carries no address of this
 * machine is taken into a bridge: an address on an interface in a bridge does not work as before.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { networkInterfaces } from 'node:os';
import type { LanState } from '../bridging/report.js';
import { EvioError } from '../lib/errors.js';
import { errnoName } from '../native/libc.js';
import { NetlinkFlag, type Netlink } from '../native/netlink.js';
import { interfaceIndex } from '../native/packet-ring.js';
import { encodeBridge, encodeLinkChange, encodeLinkQuery, encodePair, LinkMessage } from './link-message.js';
import { withNetlink } from './with-netlink.js';

/** Names of the parts, by the network's id: 16 hexadecimal characters. */
export function lanLinkNames(networkId: string): { port: string; end: string; bridge: string } {
  const id = networkId.slice(0, 8);
  return { port: `evl${id}`, end: `evp${id}`, bridge: `evb${id}` };
}

const about = (device: string, file: string): string => `/sys/class/net/${device}/${file}`;

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** The bridge that an interface is a port of. */
function masterOf(device: string): string | undefined {
  try {
    return basename(readlinkSync(about(device, 'master')));
  } catch {
    return undefined;
  }
}

function hasName(device: string): boolean {
  return (
    device !== '' &&
    device !== '.' &&
    device !== '..' &&
    !/[\s/]/.test(device) &&
    Buffer.byteLength(device) <= 15
  );
}

/** Addresses of this machine on an interface, but for link-local ones. */
function addressesOf(device: string): string[] {
  return (networkInterfaces()[device] ?? [])
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ cidr, address }) => cidr ?? address);
}

/**
 * Passes an interface that may be connected with the network.
 *
 * @param force also one that carries addresses of this machine
 * @throws EvioError EVIO_BAD_VALUE, EVIO_BRIDGE_REFUSED
 */
function check(networkId: string, device: string, force: boolean): void {
  const kind = hasName(device) ? readText(about(device, 'type')) : '';
  if (kind === '') {
    throw new EvioError('EVIO_BAD_VALUE', `This machine has no interface "${device}".`, [
      'See its interfaces with: ip link',
    ]);
  }
  if (kind !== '1' || existsSync(about(device, 'tun_flags')) || existsSync(about(device, 'wireless'))) {
    throw new EvioError(
      'EVIO_BRIDGE_REFUSED',
      `${device} cannot lead to a LAN: it is no Ethernet interface, or one of Wi-Fi or a tunnel.`,
      ['Name the Ethernet interface of the LAN, or a bridge that it belongs to.'],
    );
  }
  const { bridge } = lanLinkNames(networkId);
  const master = masterOf(device);
  if (master !== undefined && master !== bridge) {
    throw new EvioError('EVIO_BRIDGE_REFUSED', `${device} belongs to ${master} already.`, [
      `Name that instead: evio bridge ${master}`,
    ]);
  }
  if (existsSync(about(device, 'bridge'))) return;
  const addresses = addressesOf(device);
  if (addresses.length === 0 || force) return;
  throw new EvioError(
    'EVIO_BRIDGE_REFUSED',
    `${device} carries ${addresses.join(', ')} of this machine, which would not work while it is bridged.`,
    [
      `Have your network manager make a bridge of ${device} with these addresses, and name the bridge: evio bridge br0`,
      `Where you reach this machine otherwise: evio bridge ${device} --force`,
    ],
  );
}

/** The MTU of the LAN: what its machines send may be so long. */
export function lanMtu(device: string): number {
  return Number(readText(about(device, 'mtu'))) || 1_500;
}

/** How the port was left, by this process or one before it; undefined: there is none. */
function left(networkId: string): LanState | undefined {
  const { port } = lanLinkNames(networkId);
  if (interfaceIndex(port) === 0) return undefined;
  return readText(about(port, 'ifalias')).endsWith(' open') ? 'open' : 'blocked';
}

/** Writes beside the port how it is: `ip link` shows it, and a process that goes on with it reads it. */
function label(networkId: string, device: string, state: LanState): void {
  const index = interfaceIndex(lanLinkNames(networkId).port);
  if (index === 0) return;
  const alias = `evio: bridges ${device}, ${state}`;
  request(device, (netlink) => {
    netlink.change(LinkMessage.add, 0, encodeLinkChange(index, { alias }));
  });
}

/**
 * Connects the port of the network with the interface. Idempotent; what was connected otherwise is disconnected first.
 *
 * @param mac of the network's interface, 6 bytes: what is for it comes to the port as its own
 * @returns name of the port
 * @throws EvioError EVIO_DEVICE; nothing is left behind then
 */
function connect(networkId: string, device: string, mac: Uint8Array): string {
  const { port, end, bridge } = lanLinkNames(networkId);
  const isBridge = existsSync(about(device, 'bridge'));
  const target = isBridge ? device : bridge;
  const asWanted = masterOf(end) === target && (isBridge || masterOf(device) === bridge);
  if (asWanted && interfaceIndex(port) !== 0) return port;
  disconnectLan(networkId);
  try {
    request(device, (netlink) => {
      const make = NetlinkFlag.create | NetlinkFlag.excl;
      const set = (name: string, wanted: Parameters<typeof encodeLinkChange>[1]): void => {
        netlink.change(LinkMessage.add, 0, encodeLinkChange(interfaceIndex(name), wanted));
      };
      if (!isBridge) {
        netlink.change(LinkMessage.add, make, encodeBridge(bridge));
        set(device, { master: interfaceIndex(bridge), up: true });
        set(bridge, { quiet: addressesOf(device).length === 0, up: true });
      }
      netlink.change(LinkMessage.add, make, encodePair(port, mac, end, lanMtu(device)));
      set(port, { quiet: true, up: true });
      set(end, { master: interfaceIndex(target), quiet: true, up: true });
    });
  } catch (thrown) {
    disconnectLan(networkId);
    throw thrown;
  }
  return port;
}

/** Removes the port and the bridge that was made for it. True when there was anything. @throws EvioError EVIO_DEVICE */
export function disconnectLan(networkId: string): boolean {
  const { port, bridge } = lanLinkNames(networkId);
  const there = [port, bridge].map(interfaceIndex).filter((index) => index !== 0);
  if (there.length === 0) return false;
  request(port, (netlink) => {
    for (const index of there) netlink.change(LinkMessage.remove, 0, encodeLinkQuery(index));
  });
  return true;
}

function request(device: string, work: (netlink: Netlink) => void): void {
  withNetlink(work, ({ errno }) => {
    throw new EvioError('EVIO_DEVICE', `${device} cannot be bridged (${errnoName(errno)}).`, [
      'The kernel needs bridge and veth, and evio the capability CAP_NET_ADMIN.',
    ]);
  });
}

/** What a node needs of it. */
export const lanLink = { check, connect, disconnect: disconnectLan, left, label };
