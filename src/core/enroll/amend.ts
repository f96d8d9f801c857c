/** The ledger of a network whose node does not run here: what is said now is spread at the next start. */
import type { Store } from '../config/store.js';
import { verifyCredential, type Member } from '../identity/certificate.js';
import { Right } from '../identity/invite.js';
import { describeNetwork, signNetwork, type NetworkReport, type RelayFact } from '../identity/network.js';
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { sameRelay } from '../lib/relay-address.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { amend } from '../membership/amend.js';
import { resolveOrder, type Amended, type WrittenOrder } from '../membership/orders.js';
import { rootKeysOf } from '../membership/root-keys.js';
import { selfWith, type Self } from '../membership/self.js';
import { isOfRoot } from '../membership/speaker.js';
import { ledgerNews } from '../wire/signal.js';
import type { RelayErrands } from './errands.js';
import type { Ledger } from '../ledger/ledger.js';

/** A stored network, with what is known of its members. */
export interface StoredNetwork {
  readonly self: Self;
  readonly ledger: Ledger;
  readonly members: readonly Member[];
}

/** Throws EvioError EVIO_NO_NETWORK, EVIO_PROFILE_CORRUPT, EVIO_STORAGE. */
export function storedNetwork(store: Store, networkId: string, dateMs: number): StoredNetwork {
  const profile = store.profile(networkId);
  const state = store.state(networkId);
  const { ledger } = store.ledger(networkId);
  const self = selfWith(profile, state, ledger.standing.facts);
  const members = state.members.flatMap((text) => {
    const bytes = fromBase64Url(text);
    const verdict = bytes && verifyCredential(bytes, self.network, dateMs, true, ledger.standing);
    return verdict?.ok === true ? [verdict.member] : [];
  });
  return { self, ledger, members };
}

/** @throws EvioError EVIO_NOT_ADMIN, EVIO_BAD_VALUE, EVIO_UNKNOWN_PEER, EVIO_TOKEN_UNKNOWN, EVIO_REVOKED, EVIO_STORAGE */
export async function amendStored(
  store: Store,
  networkId: string,
  written: WrittenOrder,
  env: Pick<Env, 'clock'>,
): Promise<Amended> {
  const dateMs = env.clock.date();
  const { self, members } = storedNetwork(store, networkId, dateMs);
  const find = (text: string): Member => findMember(members, text, self.network.name);
  const { order, subject } = await resolveOrder(written, {
    find,
    members: () => members,
    waiting: () => [],
  });
  const keeper = store.ledger(networkId);
  const profile = store.profile(networkId);
  let notes: readonly string[] = [];
  await keeper.say((ledger) => {
    const amendment = amend(order, { profile, self, ledger, members, dateMs });
    notes = amendment.notes;
    return amendment.statements;
  });
  const { serial, standing } = keeper.ledger;
  return { subject, serial, policy: standing.policy?.serial ?? 0, notes };
}

function findMember(members: readonly Member[], text: string, network: string): Member {
  const wanted = text.toLowerCase();
  const exact = members.filter(
    (m) => m.idText === wanted || formatIpv4(m.ip) === wanted || m.name.toLowerCase() === wanted,
  );
  const found =
    exact.length > 0 || !/^[0-9a-f]{4,32}$/.test(wanted)
      ? exact
      : members.filter((m) => m.idText.startsWith(wanted));
  const [member] = found;
  if (member && found.length === 1) return member;
  const names = found.map(({ name, idText }) => `${name} (${idText})`).join(' or ');
  throw member
    ? new EvioError('EVIO_UNKNOWN_PEER', `"${text}" may mean ${names}.`, ['Give the whole node id.'])
    : new EvioError(
        'EVIO_UNKNOWN_PEER',
        `No member of ${network} that this machine knows is called "${text}".`,
        ['Run the node, which asks the relays: sudo evio node'],
      );
}

/** The network's facts as this machine knows them, and who was revoked. Throws as `storedNetwork`. */
export function networkAsStored(
  store: Store,
  networkId: string,
  dateMs: number,
): NetworkReport & NetworkHistory {
  const { self, ledger, members } = storedNetwork(store, networkId, dateMs);
  const { standing, serial } = ledger;
  const names = new Map(members.map(({ idText, name }) => [idText, name]));
  names.set(self.idText, self.certificate.name);
  const revoked = [...standing.bars].map((bar) => ({
    id: bar.idText,
    name: bar.name,
    reason: bar.reason,
    at: new Date(bar.time).toISOString(),
    by: standing.speakerOf(bar, (id) => names.get(id)),
  }));
  const policy = standing.policy?.serial ?? 0;
  return { ...describeNetwork(self.network), serial, policy, admit: standing.admissionRule, revoked };
}

export interface NetworkHistory {
  /** Statements of the ledger. */
  readonly serial: number;
  /** Serial of the policy; 0 for none. */
  readonly policy: number;
  /** How many admins must let in who joins. */
  readonly admit: number;
  readonly revoked: readonly {
    readonly id: string;
    readonly name: string;
    readonly reason: string;
    readonly at: string;
    /** Name of the admin who said it, or its id; `root` for the root key. */
    readonly by: string;
  }[];
}

/** A relay that answers, and how the network comes to it. */
export interface Introduced {
  readonly addRelay: { readonly address: string; readonly key: string };
  /**
   * Brings the network to it, once its ledger names the relay. Absent where that was done, or is not for this machine to do.
   * Throws EvioError EVIO_RELAY_UNREACHABLE, or what the relay refused with.
   */
  readonly bring?: () => Promise<void>;
  /** Has the network name what it named before, should that fail. */
  readonly undo: WrittenOrder;
}

/**
 * Asks the relay of this URL for its key, and brings the network to it where the first root's key is here to vouch for it. Where
 * that was replaced, or is elsewhere, the ledger has to vouch for it: `bring`, after it has named the relay.
 *
 * @throws EvioError EVIO_RELAY_UNREACHABLE, EVIO_BAD_VALUE, or what the relay refused with
 */
export async function introduceRelay(
  store: Store,
  networkId: string,
  url: string,
  errands: RelayErrands,
  env: Pick<Env, 'clock'>,
): Promise<Introduced> {
  const relay = await errands.find(url);
  const { self, ledger } = storedNetwork(store, networkId, env.clock.date());
  // Facts outside the ledger are signed by the first root only.
  const root = rootKeysOf(store.profile(networkId), self.network.rootKey);
  const isIt = ({ address }: RelayFact): boolean => sameRelay(address, relay.fact.address);
  const relays = [...self.network.relays.filter((fact) => !isIt(fact)), relay.fact];
  const owner = isOfRoot(self, ledger.standing) && (self.certificate.rights & Right.admin) !== 0;
  if (root && owner) {
    const networkBytes = signNetwork({ ...self.network, relays }, root);
    await errands.found(relay, { ...self, networkBytes });
  }
  const addRelay = { address: relay.fact.address, key: toBase64Url(relay.fact.key) };
  const before = self.network.relays.find(isIt);
  const undo: WrittenOrder = before
    ? { do: 'facts', addRelay: { address: before.address, key: toBase64Url(before.key) } }
    : { do: 'facts', removeRelay: addRelay.address };
  if (root || !owner) return { addRelay, undo };
  return {
    addRelay,
    undo,
    bring: async () => {
      const now = storedNetwork(store, networkId, env.clock.date());
      await errands.found(relay, now.self, ledgerNews(now.ledger.all())[0]);
    },
  };
}
