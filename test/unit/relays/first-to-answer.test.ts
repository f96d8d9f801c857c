import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { byTurns, firstToAnswer } from '../../../src/core/relays/net/first-to-answer.js';

const v4 = { address: '192.0.2.1', family: 4 };
const v4b = { address: '192.0.2.2', family: 4 };
const v6 = { address: '2001:db8::1', family: 6 };
const v6b = { address: '2001:db8::2', family: 6 };

/** Sockets by address, and when each began, ms. */
function rig() {
  const sockets = new Map<string, Socket>();
  const begun: [string, number][] = [];
  const destroyed: string[] = [];
  const start = Date.now();
  const begin = ({ address }: { address: string }): Socket => {
    const destroy = (): void => void destroyed.push(address);
    const socket = Object.assign(new EventEmitter(), { destroy }) as unknown as Socket;
    sockets.set(address, socket);
    begun.push([address, Date.now() - start]);
    return socket;
  };
  const emit = (address: string, event: string, what?: unknown): void => {
    (sockets.get(address) as unknown as EventEmitter).emit(event, what);
  };
  return { sockets, begun, destroyed, begin, emit };
}

describe('the first address to answer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('may take longer than the next takes to begin', async () => {
    const { sockets, begun, destroyed, begin, emit } = rig();
    const found = firstToAnswer([v4, v6], begin, AbortSignal.timeout(10_000));
    await vi.advanceTimersByTimeAsync(600);
    expect(begun).toEqual([
      ['192.0.2.1', 0],
      ['2001:db8::1', 250],
    ]);
    emit('192.0.2.1', 'connect');
    expect(await found).toBe(sockets.get('192.0.2.1'));
    expect(destroyed).toEqual(['2001:db8::1']);
    expect((await found).listenerCount('error')).toBe(0);
  });

  it('is looked for at once where one refuses, and none begins once one is found', async () => {
    const { begun, begin, emit } = rig();
    const found = firstToAnswer([v4, v4b, v6], begin, AbortSignal.timeout(10_000));
    emit('192.0.2.1', 'error', new Error('refused'));
    expect(begun.map(([address]) => address)).toEqual(['192.0.2.1', '2001:db8::1']);
    emit('2001:db8::1', 'connect');
    await found;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun).toHaveLength(2);
  });

  it('is missed in the words of the first', async () => {
    const { begin, emit } = rig();
    const found = firstToAnswer([v4, v6], begin, AbortSignal.timeout(10_000));
    emit('192.0.2.1', 'error', new Error('refused'));
    emit('2001:db8::1', 'error', new Error('no route'));
    await expect(found).rejects.toThrow('refused');
  });

  it('is missed where no socket can be had', async () => {
    const begin = (): Socket => {
      throw new Error('no such interface');
    };
    await expect(firstToAnswer([v4, v6], begin, AbortSignal.timeout(10_000))).rejects.toThrow('no such');
  });

  it('is not waited for any longer than wanted', async () => {
    const { begun, destroyed, begin } = rig();
    const wanted = new AbortController();
    const found = firstToAnswer([v4, v6, v4b], begin, wanted.signal);
    const missed = expect(found).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await vi.advanceTimersByTimeAsync(300);
    wanted.abort();
    await missed;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun.map(([address]) => address)).toEqual(destroyed);
    await expect(firstToAnswer([v4], begin, wanted.signal)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  it('is of both families by turns, the preferred one first', () => {
    expect(byTurns([v6, v6b, v4, v4b])).toEqual([v6, v4, v6b, v4b]);
    expect(byTurns([v4, v6, v6b])).toEqual([v4, v6, v6b]);
    expect(byTurns([])).toEqual([]);
  });
});
