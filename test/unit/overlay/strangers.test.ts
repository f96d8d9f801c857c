import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import type { LinkPeer } from '../../../src/core/overlay/ports.js';
import { openMs, Strangers, vouchesAtOnce, vouchesPerS } from '../../../src/core/overlay/strangers.js';
import type { RingMessage } from '../../../src/core/wire/ring.js';

const idOf = (n: number): string => n.toString(16).padStart(32, '0');
const bytesOf = (n: number): Uint8Array => fromHex(idOf(n)) as Uint8Array;
/** Of member `n`: its id, as far as these peers go. */
const credentialOf = bytesOf;

function rig() {
  const sent: { to: string; message: RingMessage }[] = [];
  const peers = new Map<string, LinkPeer>();
  const taken: string[] = [];
  const add = (n: number, state: LinkPeer['state'] = 'connected'): LinkPeer => {
    const member = { id: bytesOf(n), idText: idOf(n), name: `m${n}`, role: 1, credential: credentialOf(n) };
    const peer: LinkPeer = {
      slot: n,
      member,
      state,
      indirect: false,
      remembered: [],
      whereabouts: [],
      silenceMs: 0,
      waitingMs: () => 0,
      connect: () => undefined,
      introduced: () => undefined,
      disconnect: () => undefined,
      waysChanged: () => undefined,
    };
    peers.set(idOf(n), peer);
    return peer;
  };
  const strangers = new Strangers({
    self: { idText: idOf(0), role: 1 as never },
    members: {
      get: (id) => peers.get(id),
      lookup: () => undefined,
      all: () => [...peers.values()],
      take: (credential) => {
        taken.push(toHex(credential));
        return undefined;
      },
    },
    send: (peer, message) => sent.push({ to: peer.member.name, message }),
    credential: () => credentialOf(0),
  });
  const take = (): typeof sent => sent.splice(0);
  return { strangers, add, take, taken };
}

describe('the origin of a flood that nobody here knows', () => {
  it('is asked of the link that passed it on, and what it answers is taken', () => {
    const { strangers, add, take, taken } = rig();
    const link = add(1);
    strangers.met(0, link, bytesOf(9));
    expect(take()).toEqual([{ to: 'm1', message: { type: 'whose', id: idOf(9) } }]);
    strangers.vouch(10, link, idOf(9), credentialOf(9));
    expect(taken).toEqual([idOf(9)]);
  });

  it('is asked once while a question is open, of each link that passes floods on', () => {
    const { strangers, add, take } = rig();
    const [a, b] = [add(1), add(2)];
    for (const link of [a, a, b]) strangers.met(0, link, bytesOf(9));
    expect(take().map(({ to }) => to)).toEqual(['m1', 'm2']);
    strangers.met(openMs - 1, a, bytesOf(9));
    expect(take()).toEqual([]);
    strangers.met(openMs, a, bytesOf(9));
    expect(take().map(({ to }) => to)).toEqual(['m1']);
    expect(strangers.open).toBe(1);
  });

  it('is not asked of who is no link any more, nor when it is known', () => {
    const { strangers, add, take } = rig();
    strangers.met(0, add(1, 'idle'), bytesOf(9));
    strangers.met(0, add(2), bytesOf(1));
    expect(take()).toEqual([]);
  });

  it('is taken from nobody who was not asked, nor twice, nor too late', () => {
    const { strangers, add, taken } = rig();
    const [a, b] = [add(1), add(2)];
    strangers.vouch(0, a, idOf(9), credentialOf(9));
    strangers.met(0, a, bytesOf(9));
    strangers.vouch(0, b, idOf(9), credentialOf(9));
    strangers.vouch(0, a, idOf(8), credentialOf(9));
    expect(taken).toEqual([]);
    strangers.vouch(0, a, idOf(9), credentialOf(9));
    strangers.vouch(0, a, idOf(9), credentialOf(9));
    expect(taken.length).toBe(1);
    strangers.met(0, a, bytesOf(9));
    strangers.vouch(openMs, a, idOf(9), credentialOf(9));
    expect(taken.length).toBe(1);
  });

  it('leaves no more questions open than there is room for', () => {
    const { strangers, add } = rig();
    const link = add(1);
    for (let n = 2; n < 2_000; n++) strangers.met(0, link, bytesOf(n));
    expect(strangers.open).toBe(512);
    strangers.met(openMs, link, bytesOf(1_999));
    expect(strangers.open).toBe(1);
  });
});

describe('a link that asks whose an id is', () => {
  it('gets the credential of whom we know, ourselves too, and no other answer', () => {
    const { strangers, add, take } = rig();
    const link = add(1);
    add(5, 'idle');
    for (const n of [5, 0, 6]) strangers.whose(0, link, idOf(n));
    expect(take()).toEqual(
      [5, 0].map((n) => ({
        to: 'm1',
        message: { type: 'vouch', id: idOf(n), credential: credentialOf(n) },
      })),
    );
  });

  it('gets so many answers, which takes none from others', () => {
    const { strangers, add, take } = rig();
    const [a, b] = [add(1), add(2)];
    for (let i = 0; i < 1_000; i++) strangers.whose(0, a, idOf(2));
    expect(take().length).toBe(vouchesAtOnce);
    strangers.whose(0, b, idOf(1));
    expect(take().length).toBe(1);
    for (let i = 0; i < 1_000; i++) strangers.whose(1_000, a, idOf(2));
    expect(take().length).toBe(vouchesPerS);
  });
});
