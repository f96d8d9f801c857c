/** Subnets of members in whole nodes: announced, spread, guarded, remembered; refused and named where they may not be. */
import { describe, expect, it } from 'vitest';
import { signAnnouncement } from '../../../src/core/identity/announcement.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { exitCidr } from '../../../src/core/subnets/exits.js';
import { encodeSubnets } from '../../../src/core/wire/subnets.js';
import { udpFrame } from '../../support/frames.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { prefix } from '../../support/subnets.js';
import { VirtualClock } from '../../support/virtual.js';

const lan = '192.168.7.0/24';
const inLan = 0xc0a8_0705;

interface Stage {
  readonly clock: VirtualClock;
  readonly boxes: Box[];
  /** Starts node `n` again with what it saved, and with the profile that it changed. */
  readonly again: (n: number) => Promise<Box>;
}

/** `count` members that know each other, started and connected. Each keeps its profile as a real node does. */
async function stage(count: number): Promise<Stage> {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(count, clock);
  const members = profiles.map((profile) => profile.credential);
  const endpoints = Object.fromEntries(
    profiles.map((profile, i) => [selfOf(profile).idText, [`192.0.2.${i + 1}:5000`]]),
  );
  const make = (n: number, profile: Profile, state: object): Box => {
    const out = boxOf({
      net,
      clock,
      profile,
      host: `192.0.2.${n + 1}`,
      state,
      seed: 11 + n + clock.now(),
      options: {
        changeProfile: (change) => {
          out.profile = change(out.profile);
          return Promise.resolve();
        },
      },
    });
    return out;
  };
  const boxes = profiles.map((profile, n) => make(n, profile, { members, endpoints }));
  for (const box of boxes) await box.engine.start();
  await clock.run(9_000);
  return {
    clock,
    boxes,
    again: async (n) => {
      const { profile, saved } = boxes[n] as Box;
      const box = make(n, profile, saved ?? {});
      boxes[n] = box;
      await box.engine.start();
      return box;
    },
  };
}

const routesOf = ({ engine }: Box): string[] =>
  engine.routes().map(({ cidr, name, state, fault }) => [cidr, name, state, fault].filter(Boolean).join(' '));

/** The box's host sends a packet from `source`; true when the other's host gets it. */
async function passes(clock: VirtualClock, from: Box, to: Box, source: number): Promise<boolean> {
  const before = to.frames.length;
  const target = selfOf(to.profile).certificate.ip;
  from.plane.transmit(udpFrame(to.mac, from.mac, source, target, new Uint8Array(8)));
  await clock.run(50);
  return to.frames.length > before;
}

describe('a member that announces a subnet', () => {
  it('is known to everybody soon, and its addresses pass from it and from nobody else', async () => {
    const { clock, boxes } = await stage(4);
    const [a, b, c] = boxes as [Box, Box, Box, Box];
    expect(await passes(clock, a, b, inLan)).toBe(false);
    await a.engine.announceRoute(lan, false);
    await clock.run(500);
    expect(routesOf(a)).toEqual([`${lan} n0 announced`]);
    for (const box of boxes.slice(1)) expect(routesOf(box)).toEqual([`${lan} n0 available`]);
    expect(b.events.map(({ event }) => event)).toContain('routes-changed');
    expect(await passes(clock, a, b, inLan)).toBe(true);
    expect(await passes(clock, c, b, inLan)).toBe(false);
    expect(await passes(clock, b, a, inLan)).toBe(false);
    await a.engine.withdrawRoute(lan);
    await clock.run(500);
    for (const box of boxes) expect(routesOf(box)).toEqual([]);
    expect(await passes(clock, a, b, inLan)).toBe(false);
  });

  it('announces it after a restart, and others remember it after theirs', async () => {
    const { clock, boxes, again } = await stage(3);
    const [a, b, c] = boxes as [Box, Box, Box];
    await a.engine.announceRoute(lan, false);
    await clock.run(3_000);
    await c.engine.stop();
    await a.engine.stop();
    await b.engine.stop();
    const alone = await again(1);
    await clock.run(100);
    expect(routesOf(alone)).toEqual([`${lan} n0 available`]);
    await again(0);
    await clock.run(3_000);
    expect(routesOf(boxes[0] as Box)).toEqual([`${lan} n0 announced`]);
    expect(await passes(clock, boxes[0] as Box, alone, inLan)).toBe(true);
  });

  it('is heard of by who comes later, from whoever is there', async () => {
    const { clock, boxes, again } = await stage(3);
    const [a, , c] = boxes as [Box, Box, Box];
    await c.engine.stop();
    await clock.run(1_000);
    await a.engine.announceRoute(lan, false);
    await clock.run(3_000);
    await a.engine.stop();
    const late = await again(2);
    await clock.run(3_000);
    expect(routesOf(late)).toEqual([`${lan} n0 available`]);
  });

  it('needs the right, which others look at, too', async () => {
    const { clock, boxes } = await stage(3);
    const [a, b, c] = boxes as [Box, Box, Box];
    await expect(b.engine.announceRoute(lan, false)).rejects.toMatchObject({ code: 'EVIO_NO_RIGHT' });
    // A node that was changed to do it all the same.
    const { keys } = selfOf(b.profile);
    const signedAt = clock.date();
    const subnets = [{ prefix: prefix(lan), shared: false, since: 1 }];
    const announcement = signAnnouncement({ nodeKey: keys.publicKey, serial: 1, signedAt, subnets }, keys);
    const credential = selfOf(b.profile).credential;
    const message = encodeSubnets({ type: 'announce', credential, announcement });
    for (let slot = 0; slot < 2; slot++) b.plane.sendControl(slot, message);
    await clock.run(500);
    for (const box of [a, c]) {
      expect(routesOf(box)).toEqual([`${lan} n1 refused right`]);
      expect(box.events).toContainEqual(
        expect.objectContaining({ event: 'route-refused', name: 'n1', cidr: lan, fault: 'right' }),
      );
    }
    expect(await passes(clock, b, a, inLan)).toBe(false);
  });

  it('needs it for a way out, too, and cannot make another offer one', async () => {
    const { clock, boxes } = await stage(3);
    const [a, b, c] = boxes as [Box, Box, Box];
    await expect(b.engine.local.announceExit(true)).rejects.toMatchObject({ code: 'EVIO_NO_RIGHT' });
    const { keys } = selfOf(b.profile);
    const subnets = [{ prefix: prefix(exitCidr), shared: true, since: 1 }];
    const say = async (of: Box, serial: number): Promise<void> => {
      const { publicKey } = selfOf(of.profile).keys;
      const signedAt = clock.date();
      const announcement = signAnnouncement({ nodeKey: publicKey, serial, signedAt, subnets }, keys);
      const message = encodeSubnets({
        type: 'announce',
        credential: selfOf(of.profile).credential,
        announcement,
      });
      for (let slot = 0; slot < 2; slot++) b.plane.sendControl(slot, message);
      await clock.run(500);
    };
    await say(b, 1);
    for (const box of [a, c])
      expect(box.events).toContainEqual(
        expect.objectContaining({ event: 'route-refused', name: 'n1', cidr: exitCidr, fault: 'right' }),
      );
    // By its own key in the name of the first, which has the right.
    await say(a, 1);
    for (const box of [a, c]) expect(box.engine.local.exit().offers).toEqual([]);
    await a.engine.local.announceExit(true);
    await clock.run(500);
    expect(c.engine.local.exit().offers.map(({ name }) => name)).toEqual(['n0']);
  });

  it('is told what it cannot announce', async () => {
    const { boxes } = await stage(2);
    const [a] = boxes as [Box];
    for (const wrong of [
      '192.168.7.1/24',
      'lan',
      '10.144.3.0/24',
      '10.0.0.0/8',
      '127.0.0.0/8',
      'fe80::/64',
    ]) {
      // Some are refused before the promise is made.
      await expect(async () => a.engine.announceRoute(wrong, false)).rejects.toMatchObject({
        code: 'EVIO_BAD_VALUE',
      });
    }
    expect(routesOf(a)).toEqual([]);
  });
});
