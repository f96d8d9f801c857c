/** Pictures of a network as the relay on this machine knows it, by its operator's socket: asked now and then. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../core/config/home.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { askRelay } from '../core/process/relay-lock.js';
import type { NetworkEntry } from '../rendezvous/desk.js';
import type { MemberEntry } from '../rendezvous/member-entries.js';
import type { Picture, WebMember, WebMessage, WebNetworks, WebWhy } from './model.js';
import type { WebSource } from './source.js';

/** A relay tells nothing by itself, and a member that went is to be seen within two seconds. */
const intervalMs = 1_000;
/** An answer of thousands of members is asked for more seldom: it may take the relay this part of its time. */
const share = 0.05;
const longestMs = 5_000;
/** Times are told in steps, so that nothing changes for a jitter. */
const seenStepMs = 10_000;
const order = 'members';

interface Networks {
  readonly networks: readonly NetworkEntry[];
  readonly orders?: unknown;
}
interface Members {
  readonly network: NetworkEntry;
  readonly members: readonly MemberEntry[];
}

const words = {
  claim: 'as the first to come',
  ticket: 'by a relay invite',
  operator: 'by evio relay allow',
  before: 'as before',
} as const;

export class RelaySource implements WebSource {
  readonly #home: Home;
  readonly #ask: typeof askRelay;

  constructor(home: Home, ask = askRelay) {
    this.#home = home;
    this.#ask = ask;
  }

  /** @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_NETWORK, EVIO_TIMEOUT; EVIO_BAD_VALUE for a relay of before */
  async networks(): Promise<WebNetworks> {
    const { networks, orders } = await this.#asked<Networks>({ do: 'networks' });
    // A relay of before ends by an order that it does not know.
    if (!Array.isArray(orders) || !orders.includes(order))
      throw new EvioError('EVIO_BAD_VALUE', 'The relay that runs here does not tell its members yet.', [
        'Have it run the version installed now: evio upgrade',
      ]);
    if (networks.length === 0)
      throw new EvioError('EVIO_NO_NETWORK', 'This relay knows no network yet.', [
        'Make one that uses it: evio init --relay URL',
      ]);
    return { networks: networks.map(({ id, name }) => ({ id, name: name || id })) };
  }

  async why(): Promise<WebWhy> {
    return { candidates: [], log: [], advice: [] };
  }

  async stream(
    wanted: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      let restMs = intervalMs;
      try {
        // Asked each time: another relay may run here by now.
        const { networks } = await this.networks();
        const before = performance.now();
        const answer = await this.#asked<Members>({ do: order, network: wanted ?? networks[0]?.id });
        restMs = Math.min(longestMs, Math.max(intervalMs, (performance.now() - before) / share));
        tell(relayPicture(answer, Date.now()));
      } catch (thrown) {
        tell({ kind: 'gone', reason: messageOf(thrown) });
      }
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #asked<Answer extends object>(request: object): Promise<Answer> {
    const answer = await this.#ask(this.#home, request);
    if (answer) return answer as Answer;
    throw new EvioError('EVIO_NOT_RUNNING', `No relay runs with the state folder ${this.#home.path}.`, [
      'Start it: evio relay',
      'Ask as the user that it runs as, and with its folder: EVIO_HOME=FOLDER evio web --relay',
    ]);
  }
}

export function relayPicture({ network, members }: Members, at: number): Picture {
  return {
    kind: 'picture',
    at,
    network: { id: network.id, name: network.name || network.id, cidr: '', mtu: 0 },
    self: null,
    relay: {
      admitted: network.by === null ? '' : words[network.by],
      since: network.since === null ? null : Date.parse(network.since),
      online: network.online,
    },
    relays: [],
    size: network.members,
    members: members.map(memberOf),
  };
}

function memberOf(member: MemberEntry): WebMember {
  const { id, name, ip, transport, host, seen, since, joined, expires, admin } = member;
  return {
    id,
    name,
    ip,
    state: transport === null ? 'offline' : 'connected',
    path: transport,
    endpoint: host,
    rttMs: null,
    link: null,
    rxBytes: member.sentBytes,
    txBytes: member.receivedBytes,
    seenAt: seen === null ? null : Math.round(seen / seenStepMs) * seenStepMs,
    here: { since, joined, expires, admin },
  };
}
