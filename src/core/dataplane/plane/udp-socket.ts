/** Opens the UDP socket of the plane: dual-stack where there is IPv6. What the system says becomes an operator's error. */
import { EvioError, messageOf } from '../../lib/errors.js';
import { Errno, libc } from '../../native/libc.js';
import { openUdpSocket, pinUdp, sharePort, UdpError, type UdpSocket } from '../../native/udp-socket.js';

export { pinUdp, type UdpSocket } from '../../native/udp-socket.js';

/** Socket buffers in bytes: about 20 ms of 3 Gbit/s. */
export const bufferBytes = 8 << 20;

/**
 * Binds to `port` (0: any) at `host` (default: every address). With `shared` the port may be held by another socket
 * of this process that was marked with `sharePort`. Throws EVIO_ADDRESS_IN_USE, or EVIO_BAD_VALUE for a bad host.
 */
export function openUdp(port: number, host: string | undefined, shared = false, group = false): UdpSocket {
  const common = { port, bufferBytes, shared, group };
  try {
    try {
      return openUdpSocket({ ...common, host: host ?? '::', ipv6: true });
    } catch (thrown) {
      if (!(thrown instanceof UdpError && thrown.step === 'socket')) throw thrown;
      return openUdpSocket({ ...common, host: host ?? '0.0.0.0', ipv6: false });
    }
  } catch (thrown) {
    throw thrown instanceof UdpError ? operatorError(thrown, host, port) : thrown;
  }
}

/**
 * `count` sockets on one port. Only the first is bound alone, so that a port which is taken is found out; the others join
 * it. With `shared` the first may join sockets of this process, too.
 */
export function openUdpGroup(
  port: number,
  host: string | undefined,
  count: number,
  shared = false,
): [UdpSocket, ...UdpSocket[]] {
  const group = count > 1;
  const sockets: [UdpSocket, ...UdpSocket[]] = [openUdp(port, host, shared, group)];
  try {
    while (sockets.length < count) sockets.push(openUdp(sockets[0].port, host, true, true));
  } catch (thrown) {
    for (const { fd } of sockets) libc().close(fd);
    throw thrown;
  }
  return sockets;
}

/**
 * New sockets take the place of the old ones under the same descriptors, on the same port where possible; `lost` hears why it is not.
 * Throws EVIO_INTERNAL where they would be of another family.
 */
export function renewUdp(
  sockets: readonly UdpSocket[],
  host: string | undefined,
  pins: readonly [v4: number, v6: number],
  lost: (error: string) => void,
): UdpSocket[] {
  const c = libc();
  const [first] = sockets;
  let fresh: UdpSocket[];
  for (const { fd } of sockets) sharePort(fd);
  try {
    fresh = openUdpGroup(first?.port ?? 0, host, sockets.length, true);
  } catch (thrown) {
    lost(messageOf(thrown));
    fresh = openUdpGroup(0, host, sockets.length);
  }
  if (fresh[0]?.ipv6 !== first?.ipv6) {
    for (const { fd } of fresh) c.close(fd);
    throw new EvioError('EVIO_INTERNAL', 'IPv6 came or went: restart the node to use it');
  }
  return sockets.map((old, i) => {
    const { fd, ...rest } = fresh[i] as UdpSocket;
    pinUdp({ fd, ...rest }, ...pins);
    c.dup2(fd, old.fd);
    c.close(fd);
    return { ...rest, fd: old.fd };
  });
}

function operatorError(error: UdpError, host: string | undefined, port: number): EvioError {
  if (error.step === 'socket') return new EvioError('EVIO_INTERNAL', `no UDP socket: ${error.code}`);
  if (error.step === 'address') {
    return new EvioError(
      'EVIO_BAD_VALUE',
      `${host ?? ''} is not an IP address that this machine can bind to`,
    );
  }
  const where = host === undefined ? `UDP port ${port}` : `UDP ${host} port ${port}`;
  if (error.errno === Errno.EADDRINUSE) {
    return new EvioError('EVIO_ADDRESS_IN_USE', `${where} is taken by another program`, [
      'choose another port with --port, or leave it out to take any',
    ]);
  }
  if (error.errno === Errno.EADDRNOTAVAIL) {
    return new EvioError('EVIO_BAD_VALUE', `${where} is not an address of this machine`, [
      'see `ip address`',
    ]);
  }
  if (error.errno === Errno.EACCES || error.errno === Errno.EPERM) {
    return new EvioError('EVIO_NO_PRIVILEGE', `evio may not bind ${where}`, ['choose a port above 1023']);
  }
  return new EvioError('EVIO_INTERNAL', `cannot bind ${where}: ${error.code}`);
}
