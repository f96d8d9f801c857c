/**
 * How two simulated members come to a session: by the relay, introduced by a member both are linked with, or straight
 * to an address that is known. The messages travel and get lost one by one, and are repeated as peer/session.ts does.
 */
import type { Member, SimLink } from './link.js';
import { canPunch } from './net.js';
import { pathMs, pathThrough } from './packets.js';
import { handshakeBytes } from './size.js';

/** Times of the tries since the first, and of giving up; ms (peer/session.ts, peer/peer.ts). */
const triesMs = [0, 400, 1_000, 2_000, 4_000, 8_000, 13_000] as const;
const giveUpMs = 15_000;

/** One message of an exchange. `next` runs at the receiver, unless it is lost or the way is shut. */
function leg(from: Member, to: Member, oneWayMs: number, bytes: number, next: () => void): void {
  const { clock, net } = from.world;
  from.count(bytes);
  if (net.loses()) return;
  clock.at(clock.now() + net.jittered(oneWayMs), () => {
    if (to.alive) next();
  });
}

/** Begins, unless a session stands or is being made. The machine hears `connected` or `unreachable`. */
export function connect(from: Member, to: Member, via: Member | undefined): void {
  const link = from.link(to);
  if (link.up || link.cancel) return;
  const { clock } = from.world;
  const begun = clock.now();
  const step = (i: number): void => {
    const wait = (triesMs[i] ?? giveUpMs) - (clock.now() - begun);
    link.cancel = clock.after(wait, () => {
      if (i >= triesMs.length) {
        from.failed(link);
        return;
      }
      step(i + 1);
      attempt(link, via, i === 0);
    });
  };
  step(0);
}

/** By the relay, which may have to be asked for the certificate first, and by the member that named it. */
function attempt(link: SimLink, via: Member | undefined, first: boolean): void {
  const { owner: from, peer: to } = link;
  const { world } = from;
  const { net } = world;
  if (from.registered && world.seesRelay(from)) {
    const asking = first && via ? net.jittered(2 * net.oneWay(from.place, net.relay)) : 0;
    world.clock.after(asking, () => {
      if (from.alive && link.cancel && world.relay.has(to) && world.seesRelay(to)) initiate(link, 'relay');
    });
  } else if (!via && to.place.nat === 'public' && from.place.nat !== 'udp-blocked') {
    initiate(link, 'direct');
  }
  if (via) introduce(link, via);
  else if (!world.seesRelay(from) && pathThrough(from, to)) initiate(link, 'direct');
}

/** We ask a member that has links with both; it tells both where the other is. */
function introduce(link: SimLink, via: Member): void {
  const { owner: from, peer: to } = link;
  const first = from.links.get(via.id);
  if (!first?.up) return;
  leg(from, via, first.delayMs, handshakeBytes.introduction, () => {
    const second = via.links.get(to.id);
    if (!first.carries || !second?.up || !second.carries) return;
    leg(via, from, first.delayMs, handshakeBytes.introduction, () => undefined);
    leg(via, to, second.delayMs, handshakeBytes.introduction, () => {
      if (from.alive && link.cancel) initiate(link, 'direct');
    });
  });
}

/** Initiation, response, and the first packet, which confirms. */
function initiate(link: SimLink, signalled: 'relay' | 'direct'): void {
  const { owner: from, peer: to, twin } = link;
  if (!twin) return;
  const { net } = from.world;
  const direct = net.oneWay(from.place, to.place);
  const byRelay = net.oneWay(from.place, net.relay) + net.oneWay(net.relay, to.place);
  const relayed = from.world.seesRelay(from) && from.world.seesRelay(to);
  const punched = canPunch(from.place, to.place) && net.joined(from.place, to.place);
  const through = punched || relayed ? undefined : pathThrough(from, to);
  const carrier = punched ? 'direct' : relayed ? 'relay' : through ? 'tunnel' : undefined;
  if (!carrier) return;
  const delay = through ? pathMs(from, through) : carrier === 'direct' ? direct : byRelay;
  const handshakeDelay = signalled === 'relay' ? byRelay : delay;
  leg(from, to, handshakeDelay, handshakeBytes.initiation, () => {
    leg(to, from, handshakeDelay, handshakeBytes.response, () => {
      // Both sides may begin at once; the first that comes through stands.
      if (!from.alive || !link.cancel || link.up) return;
      if (link.expected) {
        from.opened(link);
        return;
      }
      const session = Math.max(link.session, twin.session) + 1;
      link.session = twin.session = session;
      link.lay(carrier, delay);
      twin.expected = !twin.up;
      from.opened(link);
      from.transmit(link, 1, true, () => undefined);
    });
  });
}
