/** How long an IP packet to a STUN server may be: long requests that nobody may cut (IP_MTU_DISCOVER), as in RFC 8899. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Random } from '../lib/env.js';
import type { Endpoint } from '../lib/endpoint.js';
import {
  encodeBindingRequest,
  parseBindingResponse,
  transactionIdLength,
  transactionKey,
} from '../wire/stun.js';

/** Usual limits: Ethernet, PPPoE, tunnels of several kinds, the least of IPv6, and the least that evio uses. */
const sizes = [1500, 1492, 1480, 1460, 1440, 1420, 1400, 1380, 1360, 1340, 1300, 1280, 1200, 1104] as const;
const attempts = 2;
const retryMs = 350;
/** A request without padding, and the header of that. */
const bareLength = 32;

/**
 * Bytes of the longest packet that arrived, IP header included; null when none did, or where sockets cannot be told to send
 * whole packets.
 */
export async function mtuTo(server: Endpoint, random: Random): Promise<number | null> {
  const is6 = isIPv6(server.host);
  const fd = await wholeSocket(is6);
  if (fd === undefined) return null;
  const socket = createSocket(is6 ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  try {
    await new Promise<void>((resolve) => {
      socket.bind({ fd }, resolve);
    });
    // The longest first: most lines carry it.
    let low = 0;
    let high: number = sizes.length;
    for (let at = 0; low < high; at = (low + high) >> 1) {
      const size = sizes[at] as number;
      const payload = size - (is6 ? 48 : 28);
      if (await answers(socket, server, payload - (payload % 4) - bareLength, random)) high = at;
      else low = at + 1;
    }
    return sizes[low] ?? null;
  } finally {
    socket.close();
  }
}

async function answers(socket: Socket, server: Endpoint, padding: number, random: Random): Promise<boolean> {
  const id = random.fill(new Uint8Array(transactionIdLength));
  const request = encodeBindingRequest(id, { padding });
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answered = await new Promise<boolean>((resolve) => {
      const heard = (message: Uint8Array): void => {
        const response = parseBindingResponse(message);
        if (response && transactionKey(response.transactionId) === transactionKey(id)) done(true);
      };
      const timer = setTimeout(() => {
        done(false);
      }, retryMs);
      const done = (result: boolean): void => {
        clearTimeout(timer);
        socket.off('message', heard);
        resolve(result);
      };
      socket.on('message', heard);
      // Longer than our own interface takes: EMSGSIZE.
      socket.send(request, server.port, server.host, (error) => {
        if (error) done(false);
      });
    });
    if (answered) return true;
  }
  return false;
}

/** A bound socket of which the kernel sends what it is given in one packet, whatever it believes of the path. */
async function wholeSocket(ipv6: boolean): Promise<number | undefined> {
  try {
    const { libc, Socket: Name } = await import('../native/libc.js');
    const { Arena } = await import('../native/arena.js');
    const { openUdpSocket } = await import('../native/udp-socket.js');
    const { fd } = openUdpSocket({ host: ipv6 ? '::' : '0.0.0.0', port: 0, ipv6, bufferBytes: 65_536 });
    const arena = new Arena(64);
    const at = arena.alloc(4);
    arena.view.setInt32(at, Name.PMTUDISC_PROBE, true);
    const [level, name] = ipv6
      ? [Name.IPPROTO_IPV6, Name.IPV6_MTU_DISCOVER]
      : [Name.IPPROTO_IP, Name.IP_MTU_DISCOVER];
    if (libc().setsockopt(fd, level, name, arena.base + at, 4) === 0) return fd;
    libc().close(fd);
  } catch {
    // Neither libc nor such a socket is to be had here.
  }
  return undefined;
}
