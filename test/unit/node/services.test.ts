/** Programs that members offer, and ways out, in whole nodes: told to who is connected, taken back, forgotten. */
import { beforeEach, describe, expect, it } from 'vitest';
import { formatPrefix } from '../../../src/core/lib/prefix.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { ExitPorts } from '../../../src/core/node/exit.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { VirtualClock } from '../../support/virtual.js';

describe('two members', () => {
  let clock: VirtualClock;
  let a: Box;
  let b: Box;
  /** What was set on the machine of b, the last, and how often it was taken back. */
  let ways: (Parameters<ExitPorts['set']>[1] | null)[];
  let translated: boolean[];

  beforeEach(async () => {
    clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const profiles = memberProfiles(2, clock);
    const members = profiles.map((profile) => profile.credential);
    const endpoints = Object.fromEntries(
      profiles.map((profile, i) => [selfOf(profile).idText, [`192.0.2.${i + 1}:5000`]]),
    );
    ways = [];
    translated = [];
    const exits: ExitPorts = {
      set: (_network, way) => {
        ways.push(way);
        return [];
      },
      clear: () => {
        ways.push(null);
        return true;
      },
      setNat: () => {
        translated.push(true);
        return Promise.resolve(null);
      },
      clearNat: () => {
        translated.push(false);
        return Promise.resolve();
      },
    };
    const boxes = profiles.map((profile: Profile, i) => {
      const out = boxOf({
        ...{ net, clock, profile, host: `192.0.2.${i + 1}`, state: { members, endpoints }, seed: 3 + i },
        options: {
          changeProfile: (change) => {
            out.profile = change(out.profile);
            return Promise.resolve();
          },
        },
        ports: { exits },
      });
      return out;
    });
    [a, b] = boxes as [Box, Box];
    await a.engine.start();
    await a.engine.local.offerService({ name: 'ssh', protocol: 'tcp', port: 22, text: '' });
    await b.engine.start();
    await clock.run(9_000);
  });

  const seen = ({ engine }: Box): string[] =>
    engine.local.services().map(({ own, name, port }) => `${own ? 'own ' : ''}${name} ${port}`);

  it('tell each other what they offer, when they meet and when it changes', async () => {
    expect(seen(b)).toEqual(['ssh 22']);
    expect(b.engine.peers()[0]?.services).toEqual([{ name: 'ssh', protocol: 'tcp', port: 22, text: '' }]);
    await a.engine.local.offerService({ name: 'http', protocol: 'tcp', port: 80, text: 'a=b' });
    await a.engine.local.offerService({ name: 'ssh', protocol: 'tcp', port: 2_222, text: '' });
    await clock.run(100);
    expect(seen(b)).toEqual(['http 80', 'ssh 2222']);
    expect(seen(a)).toEqual(['own http 80', 'own ssh 2222']);
    expect(a.profile.services).toHaveLength(2);
    for (const name of ['http', 'ssh'])
      await a.engine.local.offerService({ name, protocol: 'tcp', port: null, text: '' });
    await clock.run(100);
    expect(seen(b)).toEqual([]);
    expect(b.engine.peers()[0]?.services).toBeUndefined();
    expect(a.profile.services).toBeUndefined();
    await expect(
      a.engine.local.offerService({ name: 'a_b', protocol: 'tcp', port: 1, text: '' }),
    ).rejects.toMatchObject({ code: 'EVIO_BAD_VALUE' });
  });

  it('forget what one offered that is gone', async () => {
    await a.engine.stop();
    await clock.run(2_000);
    expect(seen(b)).toEqual([]);
  });

  it('send everything by one that offers a way out, and nothing past it', async () => {
    const { idText } = selfOf(a.profile);
    await expect(b.engine.local.useExit({ peer: idText, allowLan: false })).rejects.toMatchObject({
      code: 'EVIO_EXIT',
    });
    await a.engine.local.announceExit(true);
    await clock.run(2_000);
    expect(translated).toEqual([true]);
    expect(b.engine.local.exit().offers.map(({ id }) => id)).toEqual([idText]);
    // It is no subnet to be accepted.
    expect(b.engine.routes()).toEqual([]);
    ways.length = 0;
    await b.engine.local.useExit({ peer: idText, allowLan: true });
    expect(ways).toHaveLength(1);
    const [way] = ways;
    expect(way).toMatchObject({ allowLan: true, member: { mac: a.mac } });
    expect(way?.keep.map(formatPrefix)).toContain('10.144.0.0/16');
    expect(b.engine.local.exit().state).toBe('active');
    await a.engine.local.announceExit(false);
    await clock.run(3_000);
    expect(translated).toEqual([true, false]);
    expect(ways.at(-1)).toMatchObject({ member: undefined });
    expect(b.engine.local.exit().state).toBe('withdrawn');
    await b.engine.local.useExit(undefined);
    expect(ways.at(-1)).toBeNull();
    expect(b.engine.local.exit().state).toBe('off');
    expect(b.profile.exit).toBeUndefined();
  });

  it('take back what they set when they stop', async () => {
    await a.engine.local.announceExit(true);
    await clock.run(2_000);
    await b.engine.local.useExit({ peer: selfOf(a.profile).idText, allowLan: false });
    await b.engine.stop();
    expect(ways.at(-1)).toBeNull();
    await a.engine.stop();
    expect(translated).toEqual([true, false]);
  });
});
