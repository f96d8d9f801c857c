/**
 * A member that runs our program and lies (support/lying-node.ts): with certificates of before and forged ones, with what others
 * signed or said, in others' names, with addresses of others, without end. The others go on as before, and say who it was. What
 * it does to the ring, to floods and to paths is in test/lab/siege.test.ts.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { signCertificate, encodeCredential } from '../../../src/core/identity/certificate.js';
import { signFarewell } from '../../../src/core/identity/farewell.js';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { memoryKeeper } from '../../../src/core/ledger/keeper.js';
import { fromHex, toBase64Url } from '../../../src/core/lib/bytes.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';
import { resign } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { secretBytes, selfOf, type Self } from '../../../src/core/membership/self.js';
import { parseControl } from '../../../src/core/wire/control.js';
import { encodeLedger } from '../../../src/core/wire/ledger.js';
import { PacketType } from '../../../src/core/wire/packet.js';
import { encodeCard, encodeRing } from '../../../src/core/wire/ring.js';
import { encodeServices } from '../../../src/core/wire/services.js';
import { encodeTestimony } from '../../../src/core/wire/testimony.js';
import { udpFrame } from '../../support/frames.js';
import { openBoxOf, type OpenBox } from '../../support/lying-node.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { frameOf } from '../../support/node-box.js';
import { witnessed } from '../../support/receipts.js';
import { VirtualClock } from '../../support/virtual.js';

const running: OpenBox[] = [];
afterEach(async () => {
  for (const { engine } of running.splice(0)) await engine.stop();
});

/** Four members that know each other, connected; the last one is the liar. */
async function stage() {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(4, clock);
  const selves = profiles.map((profile) => selfOf(profile)) as [Self, Self, Self, Self];
  const root = keysFromSeed(secretBytes(profiles[0]?.rootSeed ?? ''));
  const endpoints = Object.fromEntries(selves.map(({ idText }, i) => [idText, [`192.0.2.${i + 1}:5000`]]));
  const start = async (i: number, profile = profiles[i] as Profile): Promise<OpenBox> => {
    const members = profiles.filter((_, at) => at !== i).map(({ credential }) => credential);
    const box = openBoxOf({
      net,
      clock,
      profile,
      host: `192.0.2.${i + 1}`,
      seed: 11 + i,
      state: { members, endpoints },
      options: { ledger: memoryKeeper(root.publicKey), rekeyAfterMs: 600_000 },
    });
    await box.engine.start();
    running.push(box);
    return box;
  };
  const [n0, victim, friend, liar] = [await start(0), await start(1), await start(2), await start(3)];
  await clock.run(6_000);
  const ids = selves.map(({ idText }) => idText) as [string, string, string, string];
  /** What `victim` says of the liar. */
  const refused = (): Readonly<Record<string, number>> =>
    victim.engine.status().refusals?.find(({ peer }) => peer === ids[3])?.count ?? {};
  const named = (): string[] =>
    victim.events.flatMap((event) =>
      event.event === 'peer-suspect' ? [`${event.name} ${event.reason}`] : [],
    );
  /** Frames pass between the two honest ones, and nobody else has been accused. */
  const intact = async (): Promise<void> => {
    const before = victim.frames.length;
    friend.plane.transmit(frameOf(victim, friend, 7));
    await clock.run(200);
    expect(victim.frames.length).toBe(before + 1);
    const others = victim.engine.status().refusals?.filter(({ peer }) => peer !== ids[3]) ?? [];
    expect(others).toEqual([]);
    const states = victim.engine.peers().filter(({ id }) => id !== ids[3]);
    expect(states.map(({ state }) => state)).toEqual(['connected', 'connected']);
  };
  await intact();
  return { clock, net, profiles, selves, root, ids, start, n0, victim, friend, liar, refused, named, intact };
}

const card = (credential: Uint8Array): Uint8Array =>
  encodeRing({ type: 'introduce', card: encodeCard({ credential, candidates: [] }) });

describe('a member that lies', () => {
  it('with certificates of before: the newest counts, and who brought an old one is known', async () => {
    const { clock, profiles, selves, root, ids, victim, liar, refused, intact } = await stage();
    const [, , friend] = selves;
    // The friend has signed itself another address meanwhile, and the victim knows.
    const moved = resign(profiles[2] as Profile, { ip: '10.144.200.1' }, clock.date());
    liar.plane.say(ids[1], card(witnessed(moved, root, clock.date())));
    await clock.run(1_000);
    const addressOf = (): string | undefined => victim.engine.peers().find(({ id }) => id === ids[2])?.ip;
    expect(addressOf()).toBe('10.144.200.1');
    for (const message of [card(friend.credential), card(friend.credential)]) liar.plane.say(ids[1], message);
    await clock.run(1_000);
    expect(addressOf()).toBe('10.144.200.1');
    expect(refused()).toEqual({ 'stale-certificate': 2 });
    // The friend itself has the older one in this test; as soon as it says so it is heard by its session again.
    await clock.run(20_000);
    await intact();
  });

  it('with certificates that nobody signed, or that count no more', async () => {
    const { clock, profiles, selves, ids, victim, liar, refused, named, intact } = await stage();
    const [, , friend, self] = selves;
    const invite = keysFromSeed(secretBytes(profiles[2]?.inviteSeed ?? ''));
    const flipped = friend.credential.slice();
    flipped[20] = (flipped[20] as number) ^ 1;
    /** With the key of the invite, which all who joined by it have, and its own for the owner's. */
    const forOther = signCertificate(
      { ...friend.certificate, notBefore: friend.certificate.notBefore + 5, ip: self.certificate.ip },
      invite,
      self.keys,
    );
    const ended = signCertificate({ ...self.certificate, notAfter: clock.date() - 1 }, invite, self.keys);
    for (const credential of [
      flipped,
      encodeCredential({ ...friend.parts, certificate: forOther }),
      encodeCredential({ ...self.parts, certificate: ended }),
    ])
      liar.plane.say(ids[1], card(credential));
    // Nobody asked.
    liar.plane.say(ids[1], encodeRing({ type: 'vouch', id: ids[2], credential: friend.credential }));
    await clock.run(1_000);
    expect(refused()).toEqual({ 'bad-certificate': 2, 'refused-certificate': 1, unasked: 1 });
    expect(named()).toEqual(['n3 bad-certificate']);
    expect(victim.engine.peers().find(({ id }) => id === ids[2])?.ip).toBe(formatIpv4(friend.certificate.ip));
    await intact();
  });

  it('with what others said: offers, answers, farewells, statements', async () => {
    const { clock, selves, root, ids, victim, friend, liar, refused, named, intact } = await stage();
    const pathOf = (): unknown => victim.engine.peers().find(({ id }) => id === ids[2])?.path?.endpoint;
    const before = pathOf();
    const handshake = victim.engine.peers().find(({ id }) => id === ids[2])?.lastHandshakeAgeMs ?? 0;
    // All that the friend ever told the liar, told to the victim.
    const said = liar.plane.heard.filter(({ from }) => from === ids[2]);
    expect(said.map(({ bytes }) => parseControl(bytes)?.type)).toContain('offer');
    for (const { bytes } of said) if (parseControl(bytes)?.type !== 'goodbye') liar.plane.say(ids[1], bytes);
    // That the friend leaves, which it did not say; and once more what it would have to.
    const [, , , self] = selves;
    const forged = signFarewell(root.publicKey, self.keys, clock.date());
    forged.set(selves[2].keys.publicKey, 33);
    liar.plane.say(ids[1], encodeTestimony({ type: 'farewell', document: forged }));
    // A renewal that nobody asked for.
    liar.plane.say(ids[1], encodeTestimony({ type: 'renewed', document: selves[2].credential }));
    // A statement of the root, changed.
    const statement = new Uint8Array(150);
    liar.plane.say(
      ids[1],
      encodeLedger({ type: 'part', hash: '11'.repeat(32), length: 150, offset: 0, bytes: statement }),
    );
    liar.plane.say(ids[1], Uint8Array.of(0x7f, 1, 2, 3));
    await clock.run(2_000);
    expect(refused()).toMatchObject({ 'bad-farewell': 1, 'bad-statement': 1, unreadable: 1 });
    expect(named().sort()).toEqual(['n3 bad-farewell', 'n3 bad-statement']);
    expect(pathOf()).toEqual(before);
    expect(victim.engine.peers().find(({ id }) => id === ids[2])?.lastHandshakeAgeMs).toBeGreaterThan(
      handshake,
    );
    expect(friend.engine.status().refusals).toBeUndefined();
    await intact();
  });

  it('with services that cannot be read: each is counted, and what it said before stays', async () => {
    const { clock, ids, victim, liar, refused, named, intact } = await stage();
    const offered = (): unknown => victim.engine.peers().find(({ id }) => id === ids[3])?.services;
    const ssh = { name: 'ssh', protocol: 'tcp', port: 22, text: '' } as const;
    const good = encodeServices({ type: 'services', services: [ssh] });
    liar.plane.say(ids[1], good);
    await clock.run(100);
    expect(offered()).toEqual([ssh]);
    const changed = (at: number, byte: number): Uint8Array => good.map((old, i) => (i === at ? byte : old));
    for (const bytes of [
      good.subarray(0, -1),
      Uint8Array.of(...good, 0),
      // Count, flags, port, and a letter of the name.
      ...[changed(1, 17), changed(1, 2), changed(2, 2), changed(4, 0), changed(6, 0x2e)],
      Uint8Array.of(...encodeServices({ type: 'ask' }), 0),
      // One more than a member may have, each as it should be.
      Uint8Array.of(Number(good[0]), 17, ...Array.from({ length: 17 }, () => [...good.subarray(2)]).flat()),
    ])
      liar.plane.say(ids[1], bytes);
    await clock.run(1_000);
    expect(refused()).toEqual({ unreadable: 9 });
    expect(named()).toEqual([]);
    expect(offered()).toEqual([ssh]);
    await intact();
  });

  it('with handshakes of others, through members, relays and by itself: none of them does anything', async () => {
    const { clock, net, ids, victim, liar, selves, refused, named, intact, start, friend } = await stage();
    const captured: Uint8Array[] = [];
    const { route } = net;
    net.route = (from, to, bytes) => {
      if (from.host === '192.0.2.3' && to.host === '192.0.2.2' && bytes[0] === PacketType.handshakeInit)
        captured.push(bytes.slice());
      return route(from, to, bytes);
    };
    // The friend begins anew, twice, so that there is a handshake of before.
    for (let i = 0; i < 2; i++) {
      await friend.engine.stop();
      running.splice(running.indexOf(friend), 1);
      Object.assign(friend, await start(2));
      await clock.run(4_000);
    }
    expect(captured.length).toBeGreaterThanOrEqual(2);
    const [old, last] = [captured[0] as Uint8Array, captured.at(-1) as Uint8Array];
    const at = victim.engine.peers().find(({ id }) => id === ids[2])?.lastHandshakeAgeMs ?? 0;
    const source = fromHex(ids[3]) as Uint8Array;
    victim.plane.arrive(old.slice(), { kind: 'overlay', via: victim.plane.slotOf(ids[3]) });
    victim.plane.arrive(old.slice(), { kind: 'direct', endpoint: { host: '192.0.2.4', port: 5000 } });
    for (const bytes of [old, last]) victim.plane.arrive(bytes.slice(), { kind: 'relay', relay: 0, source });
    await clock.run(1_000);
    expect(refused()).toEqual({ 'replayed-handshake': 1, 'foreign-handshake': 2 });
    expect(named()).toEqual(['n3 foreign-handshake']);
    expect(victim.engine.peers().find(({ id }) => id === ids[2])?.lastHandshakeAgeMs).toBeGreaterThan(at);
    expect(selves[3].idText).toBe(liar.engine.status().node.id);
    await intact();
  });

  it('with the address of another, signed by itself: the earlier claim keeps it, and frames from it are dropped', async () => {
    const { clock, profiles, selves, root, ids, victim, friend, liar, start, refused, intact } =
      await stage();
    const [, , owner] = selves;
    await liar.engine.stop();
    running.splice(running.indexOf(liar), 1);
    const wantedIp = formatIpv4(owner.certificate.ip);
    const signed = resign(profiles[3] as Profile, { ip: wantedIp }, clock.date());
    const credential = toBase64Url(witnessed(signed, root, clock.date()));
    const thief = await start(3, { ...(profiles[3] as Profile), credential, wantedIp });
    await clock.run(6_000);
    const { conflicts } = victim.engine.status();
    expect(conflicts?.map(({ id, holder }) => [id, holder])).toEqual([[ids[3], 'n2']]);
    const before = victim.frames.length;
    const [from, to] = [owner.certificate.ip, selves[1].certificate.ip];
    const frame = udpFrame(victim.mac, thief.mac, from, to, new Uint8Array(40));
    for (let i = 0; i < 3; i++) thief.plane.transmit(frame);
    await clock.run(1_000);
    expect(victim.frames.length).toBe(before);
    expect(refused()).toMatchObject({ spoofed: 3 });
    expect(friend.engine.peers().find(({ id }) => id === ids[3])?.addressOf).toBe('n2');
    await intact();
  });

  it('without end: what it says too much is its own loss', async () => {
    const { clock, ids, liar, victim, friend, refused, intact } = await stage();
    const nothing = Uint8Array.of(0x7f);
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 4_000; i++) liar.plane.say(ids[1], nothing);
      await clock.run(1_000, 50);
      const state = victim.engine.peers().find(({ id }) => id === ids[2])?.state;
      expect(state).toBe('connected');
    }
    expect(refused()['control-limited']).toBeGreaterThan(60_000);
    expect(refused()['unreadable']).toBeLessThan(10_000);
    expect(friend.engine.peers().find(({ id }) => id === ids[1])?.state).toBe('connected');
    await intact();
  });
});
