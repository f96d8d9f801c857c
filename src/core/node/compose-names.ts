/** The names of a run's network: whom they name, and who keeps them on this machine. */
import type { DataPlane } from '../dataplane/plane/plane.js';
import { ip6Of, prefix6Of } from '../identity/inner-ipv6.js';
import { macOf } from '../identity/node-id.js';
import type { Member } from '../identity/certificate.js';
import { EvioError } from '../lib/errors.js';
import type { Self } from '../membership/self.js';
import type { NamesFacts, NameService } from '../names/names.js';
import { domainOf, type NamedMember } from '../names/zone.js';
import type { Peers } from '../peer/peers.js';
import type { Services } from './services.js';
import type { Reporter } from './reporter.js';

export interface NamesParts {
  readonly self: Self;
  /** Name of this node. */
  readonly name: string;
  readonly plane: Pick<DataPlane, 'deviceName'>;
  readonly members: Peers;
  readonly reporter: Reporter;
  readonly services: Services;
  /** Default: names are left alone. */
  readonly make: ((facts: NamesFacts) => NameService) | undefined;
}

export function composeNames({
  self,
  name,
  plane,
  members,
  reporter,
  services,
  make,
}: NamesParts): NameService {
  const { idText, networkId, network, certificate } = self;
  const prefix6 = prefix6Of(network.rootKey);
  const named = (member: Pick<Member, 'idText' | 'name' | 'ip' | 'mac'>): NamedMember => {
    const holder = members.holderOf(member.ip);
    return {
      name: members.nameOf(member.idText) ?? member.name,
      ip: holder === undefined || holder.idText === member.idText ? member.ip : null,
      ip6: ip6Of(prefix6, member.mac),
      services: member.idText === idText ? services.own : services.of(member.idText),
    };
  };
  const facts: NamesFacts = {
    idText,
    networkId,
    networkName: network.name,
    cidr: network.cidr,
    prefix6,
    ip: certificate.ip,
    // Known once the plane has started.
    get device() {
      return plane.deviceName;
    },
    members: () => [
      named({ idText, name, ip: certificate.ip, mac: macOf(self.id) }),
      ...members.all().map(({ member }) => named(member)),
    ],
    find: async (label) => {
      try {
        const found = named((await reporter.find(label)).member);
        return found.name === label ? found : undefined;
      } catch (thrown) {
        if (thrown instanceof EvioError) return undefined;
        throw thrown;
      }
    },
  };
  return make?.(facts) ?? nobody(domainOf(network.name, networkId));
}

/** Names are left alone. */
function nobody(domain: string): NameService {
  return {
    start: () => undefined,
    changed: () => undefined,
    report: () => ({
      domain,
      way: 'off',
      server: null,
      tcp: false,
      fault: null,
      queries: { answered: 0, denied: 0, refused: 0, dropped: 0 },
    }),
    stop: () => Promise.resolve(),
    letGo: () => undefined,
  };
}
