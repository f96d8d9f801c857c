/**
 * How two simulated members come to a session: by the relay, through other members, or straight to where they may be
 * reached. The messages travel and get lost one by one, and are repeated when peer/session.ts does.
 */
import { hurryMs, jitterMs, retryMs, slowAfterTries, slowRetryMs } from '../core/peer/session.js';
import type { Member, SimLink } from './link.js';
import { canPunch } from './net.js';
import { pathMs, pathThrough } from './packets.js';
import { handshakeBytes } from './size.js';

/**
 * The model gives up then. A real session goes on asking every 15 s as long as the overlay wants it, which is less long
 * than this.
 */
export const giveUpMs = 15_000;

/** One message of an exchange. `next` runs at the receiver, unless it is lost. */
function leg(from: Member, to: Member, oneWayMs: number, bytes: number, next: () => void): void {
  const { clock, net } = from.world;
  from.count(bytes);
  if (net.loses()) return;
  clock.at(clock.now() + net.jittered(oneWayMs), () => {
    if (to.alive) next();
  });
}

/** Begins, unless a session stands or is being made. The member hears `opened` or `failed`. */
export function connect(link: SimLink): void {
  if (link.up) return;
  const now = link.owner.world.clock.now();
  const { handshake } = link;
  if (!handshake) {
    link.handshake = { begunAt: now, tries: 0, retryAt: now, cancel: () => undefined };
    attempt(link);
  } else if (handshake.retryAt - now > hurryMs) {
    handshake.tries = Math.min(handshake.tries, 2);
    attempt(link);
  }
}

function attempt(link: SimLink): void {
  const { owner: from, handshake } = link;
  if (!handshake) return;
  const { clock } = from.world;
  const now = clock.now();
  handshake.cancel();
  const leftMs = handshake.begunAt + giveUpMs - now;
  // Not 0: sums of times are rounded, and a wait that is lost in that would never end.
  if (leftMs < 1) {
    from.failed(link);
    return;
  }
  const { tries } = handshake;
  const step =
    tries >= slowAfterTries ? slowRetryMs : (retryMs[Math.min(tries, retryMs.length - 1)] ?? slowRetryMs);
  const wait = Math.min(step + from.random.unit() * jitterMs, leftMs);
  handshake.retryAt = now + wait;
  handshake.cancel = clock.after(wait, () => {
    attempt(link);
  });
  const ways = waysOf(link);
  // Nothing to send it by: try again without counting.
  if (ways.length > 0) handshake.tries++;
  for (const way of ways) initiate(link, way);
}

type Way = 'relay' | 'members' | 'direct';

/** By what an initiation goes out (peer/peer.ts). */
function waysOf({ owner: from, peer: to, known, handshake }: SimLink): Way[] {
  const ways: Way[] = [];
  const relay = from.seesOnline(to.id);
  if (relay) ways.push('relay');
  else if (from.passesOn(to)) ways.push('members');
  const { met, reached } = known;
  if (met || (reached && (!relay || (handshake?.tries ?? 0) > 1))) ways.push('direct');
  return ways;
}

/** Initiation, response, and the first packet, which confirms. */
function initiate(link: SimLink, way: Way): void {
  const { owner: from, peer: to, twin } = link;
  if (!twin) return;
  const { world } = from;
  const { net } = world;
  const direct = net.oneWay(from.place, to.place);
  const byRelay = net.oneWay(from.place, net.relay) + net.oneWay(net.relay, to.place);
  const relayed = world.seesRelay(from) && world.seesRelay(to) && world.relay.has(to);
  const punched = canPunch(from.place, to.place) && net.joined(from.place, to.place);
  // A NAT lets in whom the member behind it is sending to, or has sent to: it is taken to remember that for long.
  const { met, reached } = twin.known;
  const lets = punched && (to.place.nat === 'public' || reached || (met && twin.handshake));
  const through = way === 'members' || !(punched || relayed) ? pathThrough(from, to) : undefined;
  const passes = { relay: relayed, members: through !== undefined, direct: lets }[way];
  const pathKind = punched ? 'direct' : relayed ? 'relay' : through ? 'overlay' : undefined;
  if (!passes || !pathKind) {
    from.count(handshakeBytes.initiation);
    return;
  }
  const throughMs = through ? pathMs(from, through) : 0;
  const delayMs = { direct, relay: byRelay, overlay: throughMs }[pathKind];
  const handshakeMs = { relay: byRelay, members: throughMs, direct }[way];
  leg(from, to, handshakeMs, handshakeBytes.initiation, () => {
    to.learn(from);
    leg(to, from, handshakeMs, handshakeBytes.response, () => {
      // Both sides may begin at once; the first that comes through stands.
      if (!from.alive || !link.handshake || link.up) return;
      if (link.expected) {
        from.opened(link);
        return;
      }
      const session = Math.max(link.session, twin.session) + 1;
      link.session = twin.session = session;
      link.lay(pathKind, delayMs);
      twin.expected = !twin.up;
      from.opened(link);
      from.transmit(link, 1, true, () => undefined);
    });
  });
}
