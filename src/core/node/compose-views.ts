/** What members show each other of themselves: the answers of this node, and its questions. */
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Turn } from '../lib/turn.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { SeenLink } from '../wire/views.js';
import { parseView } from '../wire/views.js';
import { Gathered, type Testimony } from './gathered.js';
import type { PeerTimers } from './peer-timers.js';
import type { RunContext } from './ports.js';
import type { Refusals } from './refusals.js';
import type { Reporter } from './reporter.js';
import type { WhyReport } from './reports.js';
import { Shown } from './shown.js';

export interface ViewParts {
  readonly context: RunContext;
  readonly plane: DataPlane;
  readonly relays: RelaySet;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly timers: PeerTimers<Peer>;
  readonly refusals: Refusals;
}

/** What a question of a person needs beside. */
interface Asking {
  readonly reporter: Reporter;
  readonly turn: Turn;
}

/** Both sides of it, for one run. */
export class Views {
  readonly gathered: Gathered;
  readonly #shown: Shown;
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
    const { context, plane, relays, members, overlay, timers } = parts;
    const { env, tell = 'admins' } = context.options;
    this.#shown = new Shown({
      clock: env.clock,
      audience: tell,
      standing: () => context.ledger.ledger.standing,
      links: () => {
        const roles = overlay.roles();
        return members.all().flatMap((peer): SeenLink[] => {
          if (peer.state !== 'connected') return [];
          const { idText } = peer.member;
          const { active } = peer.prober;
          const { rxBytes, txBytes } = plane.peerCounters(peer.slot);
          return [
            {
              id: idText,
              path: active?.kind ?? 'none',
              role: roles.get(idText) ?? 'none',
              rttMs: active?.rttMs ?? null,
              bytes: rxBytes + txBytes,
            },
          ];
        });
      },
      decisions: (id) => members.get(id)?.why.entries,
    });
    this.gathered = new Gathered({
      random: env.random,
      members: () =>
        members.all().map((peer) => ({
          id: peer.member.idText,
          connected: peer.state === 'connected',
          online: !relays.anyUp || !relays.complete || relays.isOnline(peer.member.idText),
        })),
      send: (id, message) => {
        const peer = members.get(id);
        if (peer) plane.sendControl(peer.slot, message);
      },
      call: (id) => {
        const peer = members.get(id);
        if (!peer) return;
        // The attempt ends by itself, and so does a session that nobody else needs.
        peer.introduced(env.clock.now(), []);
        timers.touch(peer);
      },
    });
  }

  /** A control message of a peer. False: it is none of these. */
  received(now: number, peer: Peer, bytes: Uint8Array): boolean {
    const message = parseView(bytes);
    if (!message) return false;
    const { plane, refusals } = this.#parts;
    const { idText } = peer.member;
    const answer = this.#shown.asked(now, peer.member, message);
    if (answer === 'over-limit') refusals.refused(idText, 'over-limit');
    else if (answer) plane.sendControl(peer.slot, answer);
    else if (!this.gathered.received(now, idText, message)) refusals.refused(idText, 'unasked');
    return true;
  }

  /** What others say now; from now on they are asked for some seconds. */
  look(turn: Turn): Testimony[] {
    let told: Testimony[] = [];
    turn.input(() => {
      told = this.gathered.look(this.#parts.context.options.env.clock.now());
    });
    return told;
  }

  /**
   * What a member says that it decided about another.
   *
   * @throws EvioError EVIO_UNKNOWN_PEER, EVIO_NO_RIGHT, EVIO_TIMEOUT
   */
  async recall({ reporter, turn }: Asking, by: string, about: string): Promise<WhyReport['log']> {
    const { clock } = this.#parts.context.options.env;
    const asked = await reporter.find(by);
    const subject = /^[0-9a-f]{32}$/.test(about) ? about : (await reporter.find(about)).member.idText;
    return new Promise((resolve, reject) => {
      turn.input(() => {
        this.gathered.recall(clock.now(), asked.member.idText, subject, (answer) => {
          if (answer instanceof Error) reject(answer);
          else {
            const date = clock.date();
            resolve(
              answer.map(({ ageS, event, detail }) => ({
                at: new Date(date - ageS * 1000).toISOString(),
                event,
                detail,
              })),
            );
          }
        });
      });
    });
  }
}
