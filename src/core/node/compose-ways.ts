/** Puts the ways to peers that need no probing together, in the order in which they are preferred, and says what peers are told of ours. */
import type { Reach } from '../membership/reach.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { RelayChoice } from '../path/path.js';
import type { Peer } from '../peer/peer.js';
import type { PeerPorts } from '../peer/peer-ports.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import { PeerBirthdays, type BirthdayParts } from './peer-birthdays.js';
import { PeerCalls, type CallsParts } from './peer-calls.js';
import type { EnginePorts } from './ports.js';
import { Ways } from './ways.js';

/** Filled by `composeWays`, when there is what leads to peers; asked by them. */
export class PeerWays {
  /** For handshakes and what nodes tell each other. */
  readonly signal = new Ways();
  readonly data = new Ways();
  readonly ports: Pick<PeerPorts<Peer>, 'relays' | 'dataWays' | 'direct'>;

  constructor({ direct }: Reach) {
    this.ports = {
      direct,
      relays: (peer) => this.signal.to(peer),
      dataWays: (peer) => this.data.to(peer),
    };
  }
}

/** Where packets go by relays only, nobody hears an address of ours. */
export function toldOf(
  { direct }: Reach,
  surroundings: Surroundings,
): Pick<PeerPorts<Peer>, 'candidates' | 'nat'> {
  return {
    candidates: () => (direct ? surroundings.candidates : []),
    nat: () => (direct ? surroundings.nat : { ...surroundings.nat, range: undefined }),
  };
}

export interface WaysParts
  extends Omit<CallsParts, 'open' | 'resolve'>, Omit<BirthdayParts, 'fan' | 'relays'> {
  readonly open: EnginePorts['openCall'];
  readonly resolve: EnginePorts['resolve'];
  readonly fan: EnginePorts['fan'];
  readonly overlay: OverlayHost;
  readonly ways: PeerWays;
}

const unresolved = (): Promise<readonly string[]> => Promise.resolve([]);

export interface MadeWays {
  /** Where this node can make any. */
  readonly calls: PeerCalls | undefined;
  readonly birthdays: PeerBirthdays | undefined;
}

export function composeWays(parts: WaysParts): MadeWays {
  const { open, resolve = unresolved, fan, relays, overlay, reach, ways } = parts;
  const calls = open && new PeerCalls({ ...parts, open, resolve });
  const birthdays = fan && reach.direct ? new PeerBirthdays({ ...parts, fan }) : undefined;
  const hit = ({ member }: Peer): RelayChoice[] => [birthdays?.birthdays.way(member.idText) ?? []].flat();
  // A call stands only where one of the two needs it, and then both use it; relays are behind it should it fail.
  const called = ({ member }: Peer): RelayChoice[] => [calls?.calls.way(member.idText) ?? []].flat();
  const relayed = ({ member: { id, idText } }: Peer): RelayChoice[] => relays.choices(id, idText);
  const through = (peer: Peer): RelayChoice[] => [overlay.choice(peer) ?? []].flat();
  ways.signal.add((peer) => [...hit(peer), ...called(peer), ...relayed(peer)]);
  ways.signal.add(through);
  ways.data.add((peer) => [...hit(peer), ...called(peer), ...(reach.relayed ? relayed(peer) : [])]);
  ways.data.add(through);
  return { calls, birthdays };
}
