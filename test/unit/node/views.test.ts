/** What members tell each other of what they see: whole nodes on a net in memory, and the machine that asks. */
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeOptions } from '../../../src/core/node/node.js';
import { Gathered, askEveryMs, type Witness } from '../../../src/core/node/gathered.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { encodeView, parseView, type ViewMessage } from '../../../src/core/wire/views.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, frameOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const running: Box[] = [];
afterEach(async () => {
  for (const { engine } of running.splice(0)) await engine.stop();
});

/** Three members that know each other, the first of which is the network's admin. */
async function three(clock: VirtualClock, options: Partial<NodeOptions> = {}): Promise<[Box, Box, Box]> {
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(3, clock);
  const ids = profiles.map((profile) => selfOf(profile).idText);
  const endpoints = Object.fromEntries(ids.map((id, i) => [id, [`192.0.2.${i + 1}:5000`]]));
  const members = profiles.map(({ credential }) => credential);
  for (const [i, profile] of profiles.entries()) {
    const state = { members: members.filter((_, at) => at !== i), endpoints };
    const box = boxOf({ net, clock, profile, host: `192.0.2.${i + 1}`, state, seed: 30 + i, options });
    await box.engine.start();
    running.push(box);
  }
  const boxes = running.slice(-3) as [Box, Box, Box];
  await clock.run(5_000);
  return boxes;
}

describe('a member asks others what they see', () => {
  it('and is told the links of those who show them to it, with ways, round trips and traffic', async () => {
    const clock = new VirtualClock();
    const [a, b, c] = await three(clock);
    b.plane.transmit(frameOf(c, b, 7));
    await clock.run(1_000);
    expect(a.engine.views()).toEqual([]);
    await clock.run(askEveryMs);
    const views = a.engine.views();
    expect(views.map(({ by }) => by).sort()).toEqual(
      [b, c].map(({ profile }) => selfOf(profile).idText).sort(),
    );
    const ofB = views.find(({ by }) => by === selfOf(b.profile).idText);
    const there = ofB?.links.find(({ id }) => id === selfOf(c.profile).idText);
    expect(ofB).toMatchObject({ verdict: 'shown', of: 2 });
    expect(there).toMatchObject({ path: 'direct' });
    expect(there?.rttMs).toBeGreaterThan(5);
    expect(there?.bytes).toBeGreaterThan(0);
  });

  it('and is refused where it is no admin, and where nothing is shown to anybody', async () => {
    const clock = new VirtualClock();
    const [, b] = await three(clock);
    b.engine.views();
    await clock.run(2_000);
    const refused = b.engine.views();
    expect(refused.length).toBe(2);
    for (const view of refused) expect(view).toMatchObject({ verdict: 'refused', of: 0, links: [] });
    const [admin] = await three(clock, { tell: 'nobody' });
    admin.engine.views();
    await clock.run(2_000);
    expect(admin.engine.views().map(({ verdict }) => verdict)).toEqual(['refused', 'refused']);
    const [, open] = await three(clock, { tell: 'members' });
    open.engine.views();
    await clock.run(2_000);
    expect(open.engine.views().map(({ verdict }) => verdict)).toEqual(['shown', 'shown']);
  });

  it('and asks nobody any more when nobody looks', async () => {
    const clock = new VirtualClock();
    const [a] = await three(clock);
    a.engine.views();
    await clock.run(2_000);
    expect(a.engine.views().length).toBe(2);
    await clock.run(40_000);
    expect(a.engine.views()).toEqual([]);
  });

  it('for the decisions about a third, which it is told, refused, or that there are none', async () => {
    const clock = new VirtualClock();
    const [a, b, c] = await three(clock);
    const about = selfOf(c.profile).idText;
    const asked = a.engine.recall('n1', about);
    await clock.run(500);
    const log = await asked;
    expect(log.map(({ event }) => event)).toEqual((await b.engine.why(about)).log.map(({ event }) => event));
    expect(log.length).toBeGreaterThan(0);
    const refused = expect(b.engine.recall('n2', selfOf(a.profile).idText)).rejects.toMatchObject({
      code: 'EVIO_NO_RIGHT',
    });
    await clock.run(500);
    await refused;
    await clock.run(2_000);
    const unknown = expect(a.engine.recall('n1', 'f'.repeat(32))).rejects.toMatchObject({
      code: 'EVIO_UNKNOWN_PEER',
    });
    await clock.run(500);
    await unknown;
  });

  it('too often: it is answered once a second', async () => {
    const clock = new VirtualClock();
    const [a, b, c] = await three(clock);
    const about = selfOf(c.profile).idText;
    const first = a.engine.recall('n1', about);
    const second = expect(a.engine.recall('n1', about)).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    await clock.run(8_000);
    expect((await first).length).toBeGreaterThan(0);
    await second;
    const [refusal] = b.engine.status().refusals ?? [];
    expect(refusal).toMatchObject({ peer: selfOf(a.profile).idText, count: { 'over-limit': 1 } });
  });
});

describe('what is gathered', () => {
  const link = { id: 'c'.repeat(32), path: 'direct', role: 'none', rttMs: 1, bytes: 1 } as const;

  function stage(members: Witness[]) {
    const sent: { id: string; message: ViewMessage }[] = [];
    const called: string[] = [];
    const gathered = new Gathered({
      random: new SeededRandom(3),
      members: () => members,
      send: (id, bytes) => {
        const message = parseView(bytes);
        if (message) sent.push({ id, message });
      },
      call: (id) => called.push(id),
    });
    const run = (from: number, to: number): void => {
      for (let now = from; now < to; now += 100) {
        gathered.look(now);
        if (now >= gathered.dueAt) gathered.tick(now);
      }
    };
    const seen = (request: number, of = 1): ViewMessage => ({
      type: 'seen',
      request,
      verdict: 'shown',
      of,
      links: [link],
    });
    return { gathered, sent, called, run, seen };
  }
  const member = (n: number, connected = true, online = true): Witness => ({
    id: n.toString(16).padStart(32, '0'),
    connected,
    online,
  });

  it('takes one answer for a question, from whom it was asked, and no other', () => {
    const [a, b] = [member(1), member(2)];
    const { gathered, sent, run, seen } = stage([a, b]);
    expect(gathered.received(0, a.id, seen(0))).toBe(false);
    run(0, 100);
    const request = sent.find(({ id }) => id === a.id)?.message.request ?? 0;
    expect(gathered.received(100, b.id, seen(request))).toBe(false);
    expect(gathered.received(100, a.id, seen(request + 1))).toBe(false);
    expect(gathered.received(100, a.id, seen(request))).toBe(true);
    expect(gathered.received(100, a.id, seen(request, 2))).toBe(false);
    expect(gathered.look(150)).toEqual([{ by: a.id, ageMs: 50, verdict: 'shown', of: 1, links: [link] }]);
  });

  it('of a thousand members is asked slowly, and calls few of those without a session', () => {
    const members = Array.from({ length: 1000 }, (_, i) => member(i, i < 100, i % 2 === 0));
    const { sent, called, run } = stage(members);
    run(0, 15_000);
    expect(sent.length).toBeLessThanOrEqual(30 * 4);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(100);
    expect(called.length).toBeLessThanOrEqual(60);
    expect(called.length).toBeGreaterThan(50);
    run(15_000, 1_000_000);
    // Everyone once, and nobody twice in a thousand seconds.
    expect(called.length).toBe(450);
    expect(new Set(called).size).toBe(called.length);
    for (const id of called)
      expect(members.find((each) => each.id === id)).toMatchObject({ connected: false, online: true });
  });

  it('is asked for less and less often while nothing changes, and often again when it does', () => {
    const { gathered, sent, run, seen } = stage([member(1)]);
    const answered = (from: number, to: number, of = 1, bytes = 1): number => {
      const before = sent.length;
      for (let now = from; now < to; now += 100) {
        const asked = sent.length;
        run(now, now + 100);
        const question = sent.at(-1);
        const links = [{ ...link, bytes: (bytes * now) / 1_000 }];
        if (sent.length > asked && question)
          gathered.received(now, member(1).id, {
            ...seen(question.message.request, of),
            links,
          } as ViewMessage);
      }
      return sent.length - before;
    };
    // After 4, 8, 16 and then each 32 s.
    expect(answered(0, 60_000)).toBe(4);
    expect(answered(60_000, 220_000)).toBe(5);
    // Another link, and traffic: each 4 s again.
    answered(220_000, 260_000, 2);
    expect(answered(260_000, 280_000, 2, 10_000)).toBeLessThanOrEqual(2);
    expect(answered(280_000, 400_000, 2, 10_000)).toBeGreaterThan(20);
  });

  it('forgets who is a member no more', () => {
    const members = [member(1)];
    const { gathered, sent, run, seen } = stage(members);
    run(0, 100);
    gathered.received(100, member(1).id, seen(sent[0]?.message.request ?? 0));
    members.pop();
    run(500, 1_000);
    expect(gathered.look(1_000)).toEqual([]);
  });

  it('bounds the decision logs that are waited for, and ends each', () => {
    const { gathered, sent, run } = stage([member(1)]);
    const ended: string[] = [];
    for (let i = 0; i < 20; i++)
      gathered.recall(0, member(1).id, 'f'.repeat(32), (told) =>
        ended.push(told instanceof Error ? 'error' : 'told'),
      );
    expect(ended.length).toBe(4);
    const { message } = sent[0] as { message: ViewMessage };
    const hostile = '\u001b[2Jx\u202ey';
    const lines = [{ ageS: 1, event: hostile, detail: hostile }];
    let told: unknown;
    gathered.recall(0, member(1).id, 'f'.repeat(32), () => undefined);
    const answer = parseView(
      encodeView({ type: 'recalled', request: message.request, verdict: 'shown', lines }),
    );
    expect(answer && gathered.received(10, member(1).id, answer)).toBe(true);
    expect(answer && gathered.received(10, member(1).id, answer)).toBe(false);
    gathered.recall(20, member(1).id, 'f'.repeat(32), (lines) => (told = lines));
    const last = sent.at(-1)?.message.request ?? 0;
    gathered.received(30, member(1).id, { type: 'recalled', request: last, verdict: 'shown', lines });
    expect(JSON.stringify(told)).toContain('?[2Jx?y');
    run(5_000, 5_200);
    expect(ended.filter((how) => how === 'error').length).toBe(19);
  });
});
