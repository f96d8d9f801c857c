/** May this process make interfaces? Asked before anything else is done. */
import { existsSync, readFileSync } from 'node:fs';
import { EvioError, runAsRoot } from '../lib/errors.js';

const tunDevice = '/dev/net/tun';
/** Bit of CAP_NET_ADMIN (linux/capability.h). */
const capNetAdmin = 12n;

const withoutInterface = 'Or take part without an interface: --userspace';

/** True when the effective capabilities of this process include CAP_NET_ADMIN (proc(5), CapEff). */
export function hasNetAdmin(status: string = readFileSync('/proc/self/status', 'utf8')): boolean {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(status);
  return match !== null && ((BigInt(`0x${match[1]}`) >> capNetAdmin) & 1n) === 1n;
}

/** Throws EvioError EVIO_NO_PRIVILEGE, EVIO_NO_TUN when this process cannot run a node. */
export function requirePrivilege(): void {
  if (process.platform !== 'linux') {
    throw new EvioError(
      'EVIO_NO_TUN',
      `This version of evio runs nodes on Linux only, not on ${process.platform}.`,
      ['On this machine evio relay, evio init and evio token work.'],
    );
  }
  if (!hasNetAdmin()) {
    throw new EvioError(
      'EVIO_NO_PRIVILEGE',
      'Making a network interface needs root or the capability CAP_NET_ADMIN.',
      [runAsRoot, 'In a container add: --cap-add NET_ADMIN --device /dev/net/tun', withoutInterface],
    );
  }
  if (!existsSync(tunDevice)) {
    throw new EvioError('EVIO_NO_TUN', `This machine has no ${tunDevice}.`, [
      'Load the kernel module: modprobe tun',
      'In a container add: --device /dev/net/tun',
      withoutInterface,
    ]);
  }
}
