import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader, headLimit } from '../../../src/core/handover/frames.js';
import { encodeNodeSnapshot, parseNodeSnapshot } from '../../../src/core/handover/node-snapshot.js';
import { heldNode } from '../../support/held-node.js';

interface Head {
  parts: Record<string, { v: number; data: unknown }>;
}

/** As it comes out at the other end, with the head changed on the way. */
function across(change: (head: Head) => void = () => undefined, cut = 0) {
  const { head, blob } = encodeNodeSnapshot(heldNode());
  const text = JSON.parse(JSON.stringify(head)) as Head;
  change(text);
  return parseNodeSnapshot(text, blob.slice(0, blob.length - cut));
}

/** With the arrays in short: there are a million words in them. */
function short(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name} ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  if (Array.isArray(value)) return value.map(short);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, short(part)]));
}

describe('what a node leaves to its successor', () => {
  it('arrives as it was', () => {
    expect(short(across())).toEqual(short({ node: heldNode(), leftOut: [] }));
  });

  it('arrives without what there was not', () => {
    const { plane, ...rest } = heldNode();
    const bare = { ...rest, overlay: null, plane: { ...plane, floods: null, flows: null } };
    const { head, blob } = encodeNodeSnapshot(bare);
    const parsed = parseNodeSnapshot(JSON.parse(JSON.stringify(head)), blob);
    expect(short(parsed)).toEqual(short({ node: bare, leftOut: [] }));
  });

  it('arrives from a version that knew no holes', () => {
    const parsed = across(({ parts }) => {
      const data = parts['sessions']?.data as { holes?: unknown; peers: { hole?: unknown }[] };
      delete data.holes;
      for (const peer of data.peers) delete peer.hole;
    });
    expect(parsed?.leftOut).toEqual([]);
    expect(parsed?.node.plane.holes).toEqual([]);
    expect(parsed?.node.peers.map(({ hole }) => hole)).toEqual([null]);
  });

  it.each([
    ['sessions', { peers: [], boot: 0 }],
    ['relays', { relays: [] }],
    ['overlay', { overlay: null }],
  ])('leaves out %s of another version, and nothing else', (name, without) => {
    const parsed = across(({ parts }) => {
      (parts[name] as { v: number }).v = 2;
    });
    const { plane, ...rest } = heldNode();
    const { keys, holes } = name === 'sessions' ? { keys: [], holes: [] } : plane;
    const node = { ...rest, ...without, plane: { ...plane, keys, holes } };
    expect(short(parsed)).toEqual(short({ node, leftOut: [name] }));
  });

  it('has no key without its counters, and no session without its key', () => {
    const parsed = across(({ parts }) => {
      const { keys } = parts['sessions']?.data as { keys: { counters?: unknown }[] };
      delete keys[0]?.counters;
    });
    expect(parsed?.node.plane.keys).toEqual([]);
    expect(parsed?.node.peers).toEqual([]);
    expect(parsed?.leftOut).toEqual(['sessions']);
  });

  it('takes a window of another size for none', () => {
    const parsed = across(({ parts }) => {
      const { keys } = parts['sessions']?.data as { keys: { counters: { ring: [number, number] } }[] };
      (keys[0] as (typeof keys)[0]).counters.ring[1] = 4;
    });
    expect(parsed?.leftOut).toEqual(['sessions']);
  });

  it('leaves out what points beyond the end', () => {
    expect(across(undefined, 1)?.leftOut.length).toBeGreaterThan(0);
  });

  it('is nothing in another schema', () => {
    const { head, blob } = encodeNodeSnapshot(heldNode());
    expect(parseNodeSnapshot({ ...head, schema: 2 }, blob)).toBeUndefined();
    expect(parseNodeSnapshot(null, blob)).toBeUndefined();
  });
});

describe('messages between the two', () => {
  it('are put together from whatever pieces they come in', () => {
    const sent = Buffer.concat([
      ...encodeFrame({ type: 'a' }),
      ...encodeFrame({ type: 'b' }, Uint8Array.of(1, 2, 3)),
    ]);
    for (const size of [1, 3, 7, sent.length]) {
      const reader = new FrameReader();
      const got = [];
      for (let at = 0; at < sent.length; at += size)
        got.push(...reader.push(new Uint8Array(sent.subarray(at, at + size))));
      expect(got).toEqual([
        { head: { type: 'a' }, blob: new Uint8Array(0) },
        { head: { type: 'b' }, blob: Uint8Array.of(1, 2, 3) },
      ]);
    }
  });

  it('are refused when they are too long, or no JSON', () => {
    const long = new Uint8Array(8);
    new DataView(long.buffer).setUint32(0, headLimit + 1, true);
    expect(() => new FrameReader().push(long)).toThrow(RangeError);
    expect(() => new FrameReader().push(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0x7b))).toThrow(SyntaxError);
  });
});
