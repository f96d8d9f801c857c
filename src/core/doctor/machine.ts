/** Checks of this machine alone. Nothing here asks the network. */
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { describeClash } from '../enroll/range-rule.js';
import type { Range } from '../enroll/ranges.js';
import { defaultMtu } from '../identity/names.js';
import { messageOf } from '../lib/errors.js';
import { formatCidr, formatIpv4 } from '../lib/ipv4.js';
import { systemAddresses } from '../native/addresses.js';
import { hasNetAdmin } from '../native/privilege.js';
import type { UplinkReport } from '../surroundings/surroundings.js';
import { clashOf, isAllowed, isPrivateRange, type LocalRange } from '../surroundings/local-ranges.js';
import { fail, pass, warn, type Check } from './check.js';
import { defaultInterface } from './default-route.js';

const container =
  'In a container add: --cap-add NET_ADMIN --device /dev/net/tun. Without either a node runs with --userspace.';
/** A full frame of an interface with the default MTU and the headers of a direct packet by IPv4 fit this. */
const wantedMtu = defaultMtu + 80;
/** RFC 5737: an address that routes nowhere, for the interface made to try. */
const trialAddress = 0xc000_0201;

export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return pass('node', `Node.js ${version}`);
  return fail('node', `Node.js ${version} is too old.`, 'Install Node.js 20.19 or later: https://nodejs.org');
}

export function checkPlatform(platform: string = process.platform, arch: string = process.arch): Check {
  const name = `${platform}-${arch}`;
  if (platform !== 'linux')
    return fail(
      'platform',
      `${name}: this version runs nodes on Linux only.`,
      'Run the node on Linux. The relay may run here; that is not tested.',
    );
  if (arch === 'x64' || arch === 'arm64') return pass('platform', name);
  return warn('platform', `${name} is not tested.`, 'Use x64 or arm64 where you can.');
}

export function checkPrivilege(): Check {
  if (process.platform !== 'linux') return warn('privilege', 'Not known on this system.', null);
  return hasNetAdmin()
    ? pass('privilege', 'may make network interfaces (CAP_NET_ADMIN)')
    : fail(
        'privilege',
        'may not make network interfaces: CAP_NET_ADMIN is missing.',
        `Run as root, for example with sudo. ${container}`,
      );
}

/** Loads the native library and binds what evio calls. */
export async function checkNative(): Promise<Check> {
  try {
    const { libc } = await import('../native/libc.js');
    const { bind } = await import('../native/symbols.js');
    libc();
    bind('uintptr_t EVP_CIPHER_CTX_new()');
    return pass('native', 'libc and OpenSSL can be called');
  } catch (thrown) {
    return fail(
      'native',
      `native code cannot be called: ${messageOf(thrown)}`,
      'Install evio again with optional packages, on an official build of Node.js.',
    );
  }
}

export interface HeldPrivileges {
  /** Names as in capabilities(7), in small letters without `CAP_`. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
}

/** More than a node can ever want to keep (process/confinement.ts). */
const manyCapabilities = 6;

/** Whether the node that runs gave up what it does not need. */
export function checkHeld({ capabilities, noNewPrivileges }: HeldPrivileges): Check {
  const id = 'node-privilege';
  if (capabilities.length <= manyCapabilities && noNewPrivileges)
    return pass(id, `the node that runs holds ${capabilities.join(', ')} and can gain nothing`);
  return warn(
    id,
    `the node that runs holds ${capabilities.length} capabilities${noNewPrivileges ? '' : ' and may gain more'}.`,
    'Start it as root itself, or by systemd with CapabilityBoundingSet and NoNewPrivileges.',
  );
}

/** The node that runs goes by another way out than the routes prefer, which everything else on this machine takes. */
export function checkUplink({ device, instead }: UplinkReport): Check {
  return warn(
    'uplink',
    `evio's packets leave by ${device}: nothing was heard by ${instead}, by which this machine sends all else, and this command asks.`,
    `See what is behind ${instead}; evio goes back when a relay answers there.`,
  );
}

/** Opens the device and, where that is allowed, makes an interface and removes it. */
export async function checkTun(): Promise<Check> {
  if (!existsSync('/dev/net/tun'))
    return fail('tun', '/dev/net/tun is missing.', `Load the module: modprobe tun. ${container}`);
  if (!hasNetAdmin())
    return warn(
      'tun',
      '/dev/net/tun is there; making an interface was not tried without privilege.',
      'Run the doctor as root.',
    );
  try {
    const { createTap } = await import('../tap/tap-linux.js');
    const tap = createTap({
      name: 'eviotry%d',
      mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
      ip: trialAddress,
      prefix: 32,
      ip6: null,
      mtu: defaultMtu,
    });
    tap.close();
    return pass('tun', 'an interface can be made');
  } catch (thrown) {
    return fail('tun', `an interface cannot be made: ${messageOf(thrown)}`, container);
  }
}

/** Opens a UDP socket, and looks whether the kernel cuts packets for us (UDP_SEGMENT, udp(7)). */
export async function checkUdp(): Promise<Check> {
  const opened = await new Promise<Error | undefined>((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', resolve);
    socket.bind(0, () => {
      socket.close();
      resolve(undefined);
    });
  });
  if (opened)
    return fail('udp', `no UDP socket: ${opened.message}`, 'Allow this process to open UDP sockets.');
  try {
    return (await hasSegmentation())
      ? pass('udp', 'sockets open, the kernel segments packets (UDP GSO)')
      : warn(
          'udp',
          'sockets open, but the kernel does not segment packets: throughput is lower.',
          'Use Linux 4.18 or later.',
        );
  } catch {
    return pass('udp', 'sockets open');
  }
}

async function hasSegmentation(): Promise<boolean> {
  const { libc, Socket } = await import('../native/libc.js');
  const { Arena } = await import('../native/arena.js');
  const c = libc();
  const arena = new Arena(64);
  const at = arena.alloc(4);
  const fd = c.socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  arena.view.setInt32(at, 1400, true);
  const result = c.setsockopt(fd, Socket.SOL_UDP, Socket.UDP_SEGMENT, arena.base + at, 4);
  c.close(fd);
  return result === 0;
}

/** MTU of the interface that leads outside. */
export function checkMtu(): Check {
  try {
    const name = defaultInterface(readFileSync('/proc/net/route', 'utf8'));
    if (name === undefined)
      return warn(
        'mtu',
        'there is no IPv4 default route.',
        'Check the network of this machine if others are to be reached by IPv4.',
      );
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
    if (mtu >= wantedMtu) return pass('mtu', `${name} carries ${mtu} bytes`);
    return warn(
      'mtu',
      `${name} carries ${mtu} bytes; full packets of a network with MTU ${defaultMtu} need ${wantedMtu}: they go in two.`,
      `Make networks with a smaller MTU: evio init --mtu ${Math.max(576, mtu - 100)}`,
    );
  } catch {
    return warn('mtu', 'the MTU towards outside is not known here.', null);
  }
}

/** Whether the addresses of a network here are free for it. `running`: addresses of networks that run on this machine. */
export function checkRange(
  { name, cidr, allowed, ip }: Range,
  local: readonly LocalRange[],
  running: readonly LocalRange[] = [],
): Check {
  const id = `range:${name}`;
  const text = formatCidr(cidr);
  const others = running.filter((range) => range.cidr.base !== ip);
  const clash = clashOf(cidr, [...local, ...others]);
  const asked = isAllowed(cidr, allowed);
  const mend = `Leave the network (evio leave --network ${name}), or allow the range: sudo evio join TOKEN --allow-range ${text}`;
  if (!clash) {
    if (isPrivateRange(cidr) || asked) return pass(id, `${text} is used by nothing else here`);
    return warn(id, `${text} is no range for private use.`, mend);
  }
  const why = `${text} holds addresses that this machine uses: ${describeClash(clash)}`;
  if (clash.through !== undefined) {
    const lost = `${why}, and the default route looks for it behind ${clash.through}: nothing gets out.`;
    const { base } = clash.cidr;
    return fail(id, lost, `sudo ip route replace default via ${formatIpv4(base)} dev ${clash.device}`);
  }
  if (asked) return pass(id, `${why}, which is allowed`);
  // A node starts beside a route, and not beside an address.
  return clash.kind === 'address' ? fail(id, `${why}.`, mend) : warn(id, `${why}.`, mend);
}

/** Addresses of this machine, without loopback. */
export function localAddresses(): string[] {
  return systemAddresses()
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}
