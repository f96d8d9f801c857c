/** The ways out of this machine, as the kernel's routes have them. */
import { addressBytes, addressText } from '../lib/endpoint.js';
import {
  isOurs,
  isVeiled,
  wayOut,
  type Egress,
  type Exit,
  type WayOut,
  type WaysOut,
} from '../surroundings/ways-out.js';
import { LinkStack } from './link-stack.js';
import { encodeRouteQuery, isDefault, readRoute, RouteMessage, type RouteFacts } from './route-message.js';
import { withNetlink } from './with-netlink.js';

/** Addresses of the internet, one in each half of it: the kernel is asked for the way there, nothing is sent. */
const internet = {
  v4: ['9.9.9.9', '199.9.14.201'],
  v6: ['2620:fe::fe', '2a00:1450::1'],
} as const;

const bytesOf = (host: string): Uint8Array => addressBytes(host) as Uint8Array;
const textOf = (bytes: Uint8Array | undefined): string => (bytes ? addressText(bytes) : '');

function egressOf({ device, gateway, source, metric }: RouteFacts): Egress {
  return { device, gateway: textOf(gateway), source: textOf(source), metric };
}

/**
 * @param own name of the network's interface
 * @param further addresses that matter beside the internet: relays
 * @param over as `wayOut` has it
 */
export function machineWays(own: string, further: readonly string[], over = 0): WaysOut {
  return withNetlink(
    (socket) => {
      const stack = new LinkStack(socket);
      const family = (v4: boolean): WayOut | null => {
        const targets = [
          ...internet[v4 ? 'v4' : 'v6'],
          ...further.filter((host) => host.includes(':') === !v4 && addressBytes(host) !== undefined),
        ];
        const routed = targets.map((host) => {
          const route = stack.route(bytesOf(host));
          return route && route.device !== 0 ? egressOf(route) : null;
        });
        const defaults = (): Egress[] =>
          socket.dump(RouteMessage.get, encodeRouteQuery(v4)).flatMap(({ type, body }) => {
            const route = type === RouteMessage.add ? readRoute(body) : undefined;
            return route && isDefault(route) ? [egressOf(route)] : [];
          });
        return wayOut(own, { routed, defaults, link: stack.link }, over);
      };
      return { v4: family(true), v6: family(false) };
    },
    () => ({ v4: null, v6: null }),
  );
}

/**
 * Where packets to this address leave as the routes are now; null where none leads there, or it is none.
 *
 * @param own name of the network's interface
 */
export function machineExit(own: string, host: string): Exit | null {
  const address = addressBytes(host);
  if (!address) return null;
  return withNetlink(
    (socket) => {
      const stack = new LinkStack(socket);
      const device = stack.route(address)?.device ?? 0;
      const name = stack.link(device)?.name;
      return name === undefined
        ? null
        : { device: name, ours: isOurs(own, device, stack.link), veiled: isVeiled(device, stack.link) };
    },
    () => null,
  );
}

/** Names of the interfaces that stand on that of a network: VLANs, tunnels through it. */
export function stackedOn(own: string): string[] {
  return withNetlink(
    (socket) => {
      const stack = new LinkStack(socket);
      const links = stack.all();
      return links.filter(({ index }) => isOurs(own, index, stack.link)).map(({ name }) => name);
    },
    () => [],
  );
}
