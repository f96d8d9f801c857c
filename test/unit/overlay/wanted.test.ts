import { describe, expect, it } from 'vitest';
import { askEveryMs, maxWanted, Wanted, wantedForMs } from '../../../src/core/overlay/wanted.js';

function rig() {
  const asked: string[] = [];
  const wanted = new Wanted((id, via) => asked.push(via === undefined ? id : `${id} via ${via}`));
  return { asked, wanted };
}

describe('Wanted', () => {
  it('asks at once, again and again, and forgets in the end', () => {
    const { asked, wanted } = rig();
    wanted.want(0, 'a', 'friend');
    const times: number[] = [];
    for (let at = wanted.dueAt; at < Infinity && times.length < 20; at = wanted.dueAt) {
      wanted.tick(at - 1);
      const before = asked.length;
      wanted.tick(at);
      if (asked.length > before) times.push(at);
    }
    expect(times).toEqual([1, 2, 3, 4].map((nth) => nth * askEveryMs));
    expect([new Set(asked), wanted.size]).toEqual([new Set(['a via friend']), 0]);
    wanted.tick(10 * wantedForMs);
    expect(asked).toHaveLength(5);
  });

  it('hands out who is known by now, once, and who named it', () => {
    const { wanted } = rig();
    wanted.want(0, 'a', 'friend');
    wanted.want(0, 'b', undefined);
    expect(wanted.take((id) => id === 'a')).toEqual([{ id: 'a', via: 'friend' }]);
    expect([wanted.take((id) => id === 'a'), wanted.size]).toEqual([[], 1]);
    wanted.drop('b');
    expect([wanted.size, wanted.dueAt]).toEqual([0, Infinity]);
  });

  it('is bounded: those beyond the limit are asked for once', () => {
    const { asked, wanted } = rig();
    for (let i = 0; i <= maxWanted; i++) wanted.want(0, `${i}`, undefined);
    expect([asked.length, wanted.size]).toEqual([maxWanted + 1, maxWanted]);
    wanted.tick(askEveryMs);
    expect(asked).toHaveLength(2 * maxWanted + 1);
  });
});
