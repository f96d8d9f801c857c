/** Interface and socket as the process before this one opened them: descriptors that came with the program. */
import { EvioError } from '../../lib/errors.js';
import { libc } from '../../native/libc.js';
import type { Device } from '../../tap/device.js';
import type { PlaneDescriptors } from './plane.js';
import type { UdpSocket } from './udp-socket.js';

/** Those of a plane that runs. Throws EvioError EVIO_INTERNAL where it does not. */
export function descriptorsOf(
  device: Device | undefined,
  sockets: readonly UdpSocket[],
  holes: ReadonlyMap<number, number>,
): PlaneDescriptors {
  const [first] = sockets;
  if (!device || !first) throw new EvioError('EVIO_INTERNAL', 'no descriptors');
  const { name, datagramOffload, fds, ipv6: deviceIpv6 } = device;
  const udps = sockets.map(({ fd }) => fd);
  const { port, ipv6 } = first;
  return { device: name, deviceIpv6, datagramOffload, taps: fds, udps, holes, port, ipv6 };
}

export function inheritedUdp({ udps, port, ipv6 }: PlaneDescriptors): UdpSocket[] {
  return udps.map((fd) => ({ fd, port, ipv6 }));
}

/** Throws RangeError without a queue. */
export function inheritedTap({ device, deviceIpv6, datagramOffload, taps }: PlaneDescriptors): Device {
  const [first, ...others] = taps;
  if (first === undefined) throw new RangeError('an interface without a descriptor');
  let closed = false;
  return {
    name: device,
    fds: [first, ...others],
    ipv6: deviceIpv6,
    datagramOffload,
    close: () => {
      if (closed) return;
      closed = true;
      for (const fd of taps) libc().close(fd);
    },
  };
}
