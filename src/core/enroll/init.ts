/** `evio init`: a new network with this machine as its first member. */
import type { Store } from '../config/store.js';
import { emptyState, type Profile } from '../membership/profile.js';
import { makeInvite, makeNetwork } from '../membership/certify.js';
import { checkCidr, defaultCidr, defaultMtu } from '../identity/names.js';
import type { RelayFact } from '../identity/network.js';
import { selfOf } from '../membership/self.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { cidrsOverlap, formatCidr, parseCidr, type Cidr } from '../lib/ipv4.js';
import type { NamedRelay, RelayErrands } from './errands.js';
import { membershipOf, type Membership } from '../membership/membership.js';
import type { LocalRange } from '../surroundings/local-ranges.js';
import { checkRange } from './range-rule.js';
import { rangesOf } from './ranges.js';

/** The token that comes with a new network: enough for an afternoon of machines. */
export const firstToken = { expiresMs: 24 * 3_600_000, uses: 10 } as const;

export interface InitOptions {
  readonly name: string;
  readonly nodeName: string;
  /** URLs or HOST:PORT, as the operator gave them. */
  readonly relays: readonly string[];
  /** Default: 10.144.0.0/16, or the next such range that no network of this home has and this machine does not use. */
  readonly cidr?: string | undefined;
  readonly ip?: string | undefined;
  readonly mtu?: number | undefined;
  /** Who joins by the first token waits until an admin lets it in. */
  readonly approve?: boolean | undefined;
  /** This machine has the right to bridge a LAN. */
  readonly bridge?: boolean | undefined;
}

export interface InitResult extends Membership {
  readonly token: string;
  readonly tokenExpires: string;
}

export interface EnrollPorts {
  readonly store: Store;
  readonly env: Env;
  readonly errands: RelayErrands;
  /** What addresses this machine uses already. */
  readonly machine: () => readonly LocalRange[];
  /** What networks that run here have, those of other homes too. Default: nothing. */
  readonly running?: () => readonly LocalRange[];
}

/**
 * Makes the network, shows it to a relay, and only then stores it.
 *
 * @throws EvioError EVIO_ALREADY_JOINED when a network of this name is here, EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE,
 * EVIO_ADDRESS_RANGE, EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_HIDDEN, EVIO_RELAY_KEY_MISMATCH,
 * EVIO_RELAY_REFUSED, EVIO_STORAGE. Nothing is stored then.
 */
export async function initNetwork(
  options: InitOptions,
  { store, env, errands, machine, running = () => [] }: EnrollPorts,
): Promise<InitResult> {
  const twin = store.list().find(({ name }) => name === options.name);
  if (twin) {
    throw new EvioError(
      'EVIO_ALREADY_JOINED',
      `A network called ${options.name} is here already (${twin.id}).`,
      [
        'Run it with: sudo evio node',
        'Make another with another name: evio init NAME',
        `Forget it with: evio leave --network ${twin.id}`,
      ],
    );
  }
  const local = machine();
  const free = freeRange([...rangesOf(store), ...local, ...running()].map((range) => range.cidr));
  const cidr = options.cidr ?? free;
  const plan = {
    name: options.name,
    cidr,
    relays: [] as RelayFact[],
    mtu: options.mtu ?? defaultMtu,
    ip: options.ip,
    nodeName: options.nodeName,
    bridge: options.bridge,
  };
  // Everything the operator typed is checked before anybody is asked.
  makeNetwork(plan, env);
  checkRange(checkCidr(cidr), local, [
    `Choose another: --cidr ${free}`,
    `Leave out --cidr to get one that this machine does not use.`,
  ]);
  const relays: NamedRelay[] = [];
  for (const text of options.relays) relays.push(await errands.find(text));
  plan.relays.push(...relays.map(({ fact }) => fact));
  let profile: Profile = makeNetwork(plan, env);
  const self = selfOf(profile);
  store.rehearse(self.networkId, profile);
  const asked: NamedRelay[] = [];
  try {
    // Each must answer: a relay that never works is easier to mend now than when the first machine cannot join.
    for (const relay of relays) {
      asked.push(relay);
      await errands.found(relay, self);
    }
  } catch (thrown) {
    // Else the first relay would belong to a network that there is not.
    await Promise.all(asked.map((relay) => errands.withdraw(relay, self)));
    throw thrown;
  }
  const invite = makeInvite(
    profile,
    { ...firstToken, role: 'switch', tags: [], approve: options.approve },
    env,
  );
  profile = { ...profile, invites: [invite] };
  store.create(self.networkId, profile, emptyState);
  return {
    ...membershipOf(self),
    token: invite.token,
    tokenExpires: new Date(invite.expires).toISOString(),
  };
}

function freeRange(used: readonly Cidr[]): string {
  const texts: string[] = [];
  for (let second = 144; second < 160; second++) texts.push(`10.${second}.0.0/16`);
  // Where a route leads to all of 10.0.0.0/8, as in many companies.
  for (let second = 24; second < 32; second++) texts.push(`172.${second}.0.0/16`);
  texts.push('100.80.0.0/16', '198.18.0.0/16');
  for (const text of texts) {
    const cidr = parseCidr(text);
    if (cidr && !used.some((other) => cidrsOverlap(cidr, other))) return formatCidr(cidr);
  }
  return defaultCidr;
}
