/**
 * Whether the interface of a network is still as it was made. Network managers flush the addresses of what they do not know,
 * and scripts set an MTU on everything: what is missing is set again, by ioctls (netdevice(7)) and netlink.
 */
import { networkInterfaces } from 'node:os';
import { prefixLength6 } from '../identity/inner-ipv6.js';
import { addressText } from '../lib/endpoint.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { Arena } from '../native/arena.js';
import { libc, Socket } from '../native/libc.js';
import { setIp6 } from './address6.js';
import type { DeviceOptions } from './device.js';

const TUNGETIFF = 0x8004_54d2;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCSIFNAME = 0x8923;
const SIOCSIFHWADDR = 0x8924;
const SIOCGIFHWADDR = 0x8927;
const ARPHRD_ETHER = 1;
const IFF_UP = 0x1;
const ifreqSize = 40;
const unionAt = 16;
const macAt = unionAt + 2;

/**
 * What was not as it should be: the interface had another name (by which it would be taken for a foreign one), was down, had
 * another MTU, another MAC (whose frames members drop), had lost an address or the prefix of it, or was removed.
 */
export const mendables = ['name', 'up', 'mtu', 'mac', 'address', 'interface'] as const;
export type Mendable = (typeof mendables)[number];

/**
 * @param fd of the interface
 * @returns what was set again; nothing where the interface is gone, which its reader notices by itself
 */
export function mendTap(
  fd: number,
  { name, mac, ip, prefix, ip6, mtu }: Pick<DeviceOptions, 'name' | 'mac' | 'ip' | 'prefix' | 'ip6' | 'mtu'>,
): Mendable[] {
  const c = libc();
  const arena = new Arena(128);
  const { view, u8, base } = arena;
  if (c.ioctl(fd, TUNGETIFF, base) < 0) return [];
  let called = Buffer.from(u8.slice(0, unionAt)).toString('utf8').replace(/\0.*$/s, '');
  const control = c.socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (control < 0) return [];
  const ask = (request: number, fill: () => void = () => undefined): boolean => {
    u8.fill(0, 0, ifreqSize);
    arena.setText(0, called);
    fill();
    return c.ioctl(control, request, base) >= 0;
  };
  const address = (value: number) => (): void => {
    view.setUint16(unionAt, Socket.AF_INET, true);
    view.setUint32(unionAt + 4, value);
  };
  const mended: Mendable[] = [];
  try {
    const rename = (): boolean =>
      ask(SIOCSIFNAME, () => {
        arena.setText(unionAt, name);
      });
    // While it is up only a newer kernel (6.2) renames it.
    const down = (): boolean => ask(SIOCSIFFLAGS);
    const isFree = (): boolean => {
      arena.setText(0, name);
      return c.if_nametoindex(base) === 0;
    };
    if (called !== name && isFree() && (rename() || (down() && rename()))) {
      called = name;
      mended.push('name');
    }
    if (ask(SIOCGIFFLAGS)) {
      const flags = view.getUint16(unionAt, true);
      const up = (): void => {
        view.setUint16(unionAt, flags | IFF_UP, true);
      };
      if ((flags & IFF_UP) === 0 && ask(SIOCSIFFLAGS, up)) mended.push('up');
    }
    const setMtu = (): void => {
      view.setInt32(unionAt, mtu, true);
    };
    if (ask(SIOCGIFMTU) && view.getInt32(unionAt, true) !== mtu && ask(SIOCSIFMTU, setMtu))
      mended.push('mtu');
    const setMac = (): void => {
      view.setUint16(unionAt, ARPHRD_ETHER, true);
      u8.set(mac.subarray(0, 6), macAt);
    };
    const hasMac = (): boolean => mac.subarray(0, 6).every((byte, i) => u8[macAt + i] === byte);
    if (ask(SIOCGIFHWADDR) && !hasMac() && ask(SIOCSIFHWADDR, setMac)) mended.push('mac');
    const own = new Set(networkInterfaces()[called]?.map((one) => one.cidr));
    const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
    const set4 = (): boolean => ask(SIOCSIFADDR, address(ip)) && ask(SIOCSIFNETMASK, address(mask));
    const mended4 = !own.has(`${formatIpv4(ip)}/${prefix}`) && set4();
    const mended6 =
      ip6 !== null && !own.has(`${addressText(ip6)}/${prefixLength6}`) && setIp6(c.if_nametoindex(base), ip6);
    if (mended4 || mended6) mended.push('address');
    return mended;
  } finally {
    c.close(control);
  }
}
