/** Pictures of a node that runs here, by its control socket: asked now and then, and at once when something happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient, ask } from '../core/control/client.js';
import type { NodeEvent, PeerReport, StatusAnswer } from '../core/control/schema.js';
import { messageOf } from '../core/lib/errors.js';
import { Hearsay } from './hearsay.js';
import type { Picture, WebMember, WebMessage, WebNetworks, WebTold, WebWhy } from './model.js';
import { MembersPace } from './pace.js';
import type { WebSource } from './source.js';

/** The node's own numbers, and its members as often as pace.ts says. */
const intervalMs = 2_000;
/** Events come in packs. */
const settleMs = 150;
const retryMs = 1_000;
/** Times are told in steps, so that nothing changes for a jitter. */
const seenStepMs = 10_000;

export class NodeSource implements WebSource {
  readonly #socket: string;

  /** @param socket path of the control socket */
  constructor(socket: string) {
    this.#socket = socket;
  }

  async networks(): Promise<WebNetworks> {
    return {
      networks: (await ask(this.#socket, 'networks', {})).networks.map(({ id, name }) => ({ id, name })),
    };
  }

  async why(network: string | undefined, peer: string, from?: string): Promise<WebWhy> {
    if (from !== undefined) {
      const { log } = await ask(this.#socket, 'recall', { network, by: from, about: peer });
      return { candidates: [], log, advice: [] };
    }
    const { candidates, log, advice } = await ask(this.#socket, 'why', { network, peer });
    return {
      candidates: candidates.map(({ endpoint, kind, state, side }) => ({
        endpoint,
        kind: `${side === 'local' ? 'ours' : 'its'}, ${kind}`,
        state,
      })),
      log,
      advice,
    };
  }

  async stream(
    network: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      let client: ControlClient | undefined;
      try {
        client = await ControlClient.connect(this.#socket);
        await this.#follow(client, network, tell, signal);
      } catch (thrown) {
        if (!signal.aborted) tell({ kind: 'gone', reason: messageOf(thrown) });
      } finally {
        client?.close();
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #follow(
    client: ControlClient,
    wanted: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    // Events keep a connection for themselves.
    const watcher = await ControlClient.connect(this.#socket);
    const abort = new AbortController();
    const stop = (): void => {
      abort.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    // Something happened since the last picture.
    const news = { due: false };
    let wake: () => void = () => undefined;
    abort.signal.addEventListener('abort', () => {
      wake();
    });
    const hearsay = new Hearsay();
    try {
      const network = wanted ?? (await client.request('networks', {})).networks[0]?.id;
      await watcher.watch(
        { network },
        (event) => {
          const text = textOf(event);
          if (text !== undefined) tell({ kind: 'event', at: Date.now(), text });
          news.due = true;
          wake();
        },
        stop,
      );
      const pace = new MembersPace();
      let seen: Seen = { members: [], told: [], at: 0 };
      while (!abort.signal.aborted) {
        const status = await client.request('status', { network });
        const now = performance.now();
        if (pace.due(now, status.device.rxBytes + status.device.txBytes, news.due)) {
          news.due = false;
          const [{ peers }, { views }] = await Promise.all([
            client.request('peers', { network }),
            client.request('views', { network }).catch(untold),
          ]);
          const at = Date.now();
          const told = hearsay.take(views, performance.now());
          seen = { members: peers.map((peer) => memberOf(peer, at)), told, at };
          pace.asked(now, performance.now() - now);
        }
        tell(pictureOf(status, seen, Date.now()));
        await sleep(settleMs, undefined, { signal: abort.signal });
        if (news.due) {
          await sleep(Math.max(0, pace.newsAt - performance.now()), undefined, { signal: abort.signal });
          continue;
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, intervalMs - settleMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (!signal.aborted) tell({ kind: 'gone', reason: 'the node ended' });
    } finally {
      signal.removeEventListener('abort', stop);
      watcher.close();
    }
  }
}

/** What the last answers said of the members, and when, ms since 1970. */
interface Seen {
  readonly members: readonly WebMember[];
  readonly told: readonly WebTold[];
  readonly at: number;
}

/** A node of before knows no such question. */
const untold = (): { readonly views: [] } => ({ views: [] });

function memberOf(peer: PeerReport, at: number): WebMember {
  const age = peer.lastSeenAgeMs;
  return {
    id: peer.id,
    name: peer.name,
    ip: peer.ip,
    state: peer.quarantine ? 'quarantined' : peer.state,
    path: peer.path?.kind ?? null,
    endpoint: peer.path?.endpoint ?? '',
    rttMs: peer.path?.rttMs ?? null,
    link: peer.link,
    rxBytes: peer.rxBytes,
    txBytes: peer.txBytes,
    seenAt: age === null ? null : Math.round((at - age) / seenStepMs) * seenStepMs,
  };
}

function pictureOf(status: StatusAnswer, { members, told, at: membersAt }: Seen, at: number): Picture {
  const { node, network, device, relays, nat, ring } = status;
  return {
    kind: 'picture',
    at,
    network: { id: network.id, name: network.name, cidr: network.cidr, mtu: network.mtu },
    self: {
      id: node.id,
      name: node.name,
      ip: node.ip,
      ip6: node.ip6,
      version: node.version,
      uptimeMs: node.uptimeMs,
      nat: nat.udpBlocked ? 'UDP blocked' : nat.mapping,
      rxBytes: device.rxBytes,
      txBytes: device.txBytes,
      drops: device.drops,
    },
    relays: relays.map(({ url, state, transport, rttMs, reason }) => ({
      url,
      state,
      transport,
      rttMs,
      reason,
    })),
    size: Math.max(Math.round(ring.sizeEstimate), members.length + 1),
    members,
    membersAt,
    told,
  };
}

/** A line for people; undefined for what nobody wants to read. */
function textOf(event: NodeEvent): string | undefined {
  switch (event.event) {
    case 'peer-connected':
      return `${event.name} connected, ${event.path}`;
    case 'peer-path':
      return event.to && event.from ? `${event.name}: ${event.from} → ${event.to}` : undefined;
    case 'peer-lost':
      return `${event.name} is gone`;
    case 'peer-revoked':
      return `${event.name} was revoked`;
    case 'peer-suspect':
      return `${event.name} looks hostile: ${event.reason}`;
    case 'member-waiting':
      return `${event.name} waits to be let in`;
    case 'relay-up':
      return `relay ${event.url} answers`;
    case 'relay-down':
      return `relay ${event.url}: ${event.reason}`;
    case 'anomaly':
      return `${event.name}: ${event.kind}, ${event.count} times`;
    case 'interface-mended':
      return `interface ${event.device} was mended: ${event.what.join(', ')}`;
    case 'routes-changed':
      return 'routes changed';
    case 'range-clash':
      return `${event.device} uses ${event.cidr}, which is the network's`;
    case 'uplink':
      return event.device === null
        ? 'packets leave by the preferred way out again'
        : `nothing is heard by ${event.instead}: packets leave by ${event.device}`;
    case 'route-refused':
      return `route ${event.cidr} of ${event.name} is refused: ${event.fault}`;
    default:
      return undefined;
  }
}
