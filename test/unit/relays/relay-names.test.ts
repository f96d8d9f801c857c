import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import {
  RelayNames,
  resolverPatienceMs,
  type KnownAddresses,
} from '../../../src/core/relays/net/relay-names.js';
import { VirtualClock } from '../../support/virtual.js';

const v4 = (address: string): LookupAddress => ({ address, family: 4 });

/** A resolver that answers with this, throws it, or (undefined) never answers. */
function rig(known: KnownAddresses, first?: LookupAddress[] | Error) {
  const clock = new VirtualClock();
  const kept: KnownAddresses[] = [];
  const late: ((addresses: LookupAddress[]) => void)[] = [];
  const state = { answer: first, asked: 0 };
  const names = new RelayNames({
    clock,
    known,
    keep: (now) => kept.push(now),
    resolver: {
      addresses: () => {
        state.asked++;
        const { answer } = state;
        if (answer instanceof Error) return Promise.reject(answer);
        return answer
          ? Promise.resolve(answer)
          : new Promise((resolve) => {
              late.push(resolve);
            });
      },
    },
  });
  return { names, clock, kept, state, late };
}

describe('names of relays', () => {
  it('are asked for anew each time, and kept when the answer is another', async () => {
    const { names, kept, state } = rig({}, [v4('192.0.2.1')]);
    expect(await names.addresses('relay.example')).toEqual([v4('192.0.2.1')]);
    await names.addresses('relay.example');
    state.answer = [v4('192.0.2.2'), { address: '2001:db8::2', family: 6 }];
    expect(await names.addresses('relay.example')).toEqual(state.answer);
    expect(kept).toEqual([
      { 'relay.example': ['192.0.2.1'] },
      { 'relay.example': ['192.0.2.2', '2001:db8::2'] },
    ]);
  });

  it('are what they were where the resolver fails, and its error where nothing is known', async () => {
    const dead = Object.assign(new Error('dead'), { code: 'EAI_AGAIN' });
    const { names, kept } = rig({ 'relay.example': ['192.0.2.1', '2001:db8::1'] }, dead);
    expect(await names.addresses('relay.example')).toEqual([
      v4('192.0.2.1'),
      { address: '2001:db8::1', family: 6 },
    ]);
    await expect(names.addresses('other.example')).rejects.toBe(dead);
    expect(kept).toEqual([]);
  });

  it('are not waited for longer than a moment where they are known, and learnt when the answer comes', async () => {
    const { names, clock, kept, state, late } = rig({ 'relay.example': ['192.0.2.1'] });
    const asked = [names.addresses('relay.example'), names.addresses('relay.example')];
    await clock.run(resolverPatienceMs - 10);
    expect(await Promise.race([asked[0], Promise.resolve('waits')])).toBe('waits');
    await clock.run(20);
    expect(await Promise.all(asked)).toEqual([[v4('192.0.2.1')], [v4('192.0.2.1')]]);
    // One question at a time.
    expect(state.asked).toBe(1);
    late[0]?.([v4('192.0.2.9')]);
    await clock.run(20);
    expect(kept).toEqual([{ 'relay.example': ['192.0.2.9'] }]);
  });

  it('that are addresses are nobody’s question', async () => {
    const { names, state } = rig({});
    expect(await names.addresses('192.0.2.7')).toEqual([v4('192.0.2.7')]);
    expect(await names.addresses('2001:db8::7')).toEqual([{ address: '2001:db8::7', family: 6 }]);
    expect(state.asked).toBe(0);
  });

  it('are bounded', async () => {
    const { names, kept } = rig(
      {},
      Array.from({ length: 40 }, (_, i) => v4(`192.0.2.${i}`)),
    );
    for (let i = 0; i < 40; i++) await names.addresses(`r${i}.example`);
    expect(Object.keys(kept.at(-1) ?? {})).toHaveLength(16);
    expect(kept.at(-1)?.['r39.example']).toHaveLength(8);
  });
});
