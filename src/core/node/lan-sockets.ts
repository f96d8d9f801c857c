/**
 * The UDP sockets by which members of a LAN hear of each other: one that hears the group of IPv4, one for each interface that
 * hears that of IPv6, one that speaks for each interface and family. Packets do not leave the LAN (TTL 1, and groups that routers do not pass on).
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import type { LanInterface } from '../surroundings/candidate.js';
import { beaconLength } from '../wire/beacon.js';
import type { LanPort } from './ports.js';

/** Below the ports that kernels give out by themselves. Groups: RFC 2365 (organisation-local, of one hop), RFC 4291 (link-local). */
export const beaconPort = 24_778;
const groups = { udp4: '239.255.101.118', udp6: 'ff02::6576:696f' } as const;
type Family = keyof typeof groups;

/** @param heard gets each datagram of the right length that comes to the groups, and owns it */
export function lanPort(heard: (bytes: Uint8Array) => void, log: Logger): LanPort {
  const open = new Set<Socket>();
  const speakers = new Map<string, { readonly socket: Socket; readonly group: string }[]>();

  /** A socket that is closed when it fails: a LAN on which nothing can be said is no fault. */
  const make = (type: Family, device: string): Socket => {
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
    open.add(socket.unref());
    socket.on('error', (error) => {
      log.debug('LAN not used', { device, reason: messageOf(error) });
      if (open.delete(socket)) socket.close();
    });
    return socket;
  };
  /** Does it once the socket is bound; what the kernel refuses is said and left. */
  const then = (socket: Socket, device: string, deed: () => void) => (): void => {
    try {
      if (open.has(socket)) deed();
    } catch (thrown) {
      log.debug('LAN not used', { device, reason: messageOf(thrown) });
    }
  };
  const own = (type: Family, { device, addresses }: LanInterface): string | undefined => {
    const address = addresses.find((text) => text.includes(':') === (type === 'udp6'));
    return address !== undefined && type === 'udp6' ? `::%${device}` : address;
  };

  /** At the group's address, so that nothing else comes in: of IPv4 for all interfaces, of IPv6 for one. */
  const listen = (type: Family, address: string, interfaces: readonly LanInterface[]): void => {
    const listener = make(type, interfaces.map(({ device }) => device).join());
    listener.on('message', (bytes) => {
      if (bytes.length === beaconLength && open.has(listener)) heard(new Uint8Array(bytes));
    });
    listener.bind({ address, port: beaconPort }, () => {
      for (const lan of interfaces) {
        then(listener, lan.device, () => {
          listener.addMembership(groups[type], own(type, lan));
        })();
      }
    });
  };
  const speak = (type: Family, lan: LanInterface): void => {
    const speaker = make(type, lan.device);
    const from = own(type, lan) as string;
    speaker.bind(
      { address: type === 'udp4' ? from : '::', port: 0 },
      then(speaker, lan.device, () => {
        speaker.setMulticastTTL(1);
        speaker.setMulticastInterface(from);
      }),
    );
    const others = speakers.get(lan.device) ?? [];
    speakers.set(lan.device, [...others, { socket: speaker, group: groups[type] }]);
  };

  return {
    stand(interfaces) {
      for (const socket of open) socket.close();
      open.clear();
      speakers.clear();
      const with4 = interfaces.filter((lan) => own('udp4', lan) !== undefined);
      const with6 = interfaces.filter((lan) => own('udp6', lan) !== undefined);
      if (with4.length > 0) listen('udp4', groups.udp4, with4);
      for (const lan of with6) listen('udp6', `${groups.udp6}%${lan.device}`, [lan]);
      for (const lan of with4) speak('udp4', lan);
      for (const lan of with6) speak('udp6', lan);
    },
    send(device, beacon) {
      for (const { socket, group } of speakers.get(device) ?? [])
        if (open.has(socket)) socket.send(beacon, beaconPort, group, () => undefined);
    },
  };
}
