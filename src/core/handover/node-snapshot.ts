/**
 * What a running node leaves to its successor, as it travels between the two: JSON with references into one array of bytes
 * (blobs.ts), by a socket pair that nobody else has. Never on disk.
 *
 *   { schema: 1, serial, credential, device,
 *     parts: { sessions: { v: 1, data }, floods: …, flows: …, counters: …, relays: …, overlay: … } }
 *
 * Each part has a version of its own. A successor that does not know it, or finds it other than it should be, does without:
 * without `sessions` members are met by handshakes as after any start, and nothing of `sessions` is read by halves. So two
 * versions of the program may differ in every part.
 */
import { z } from 'zod';
import type { HeldKey, HeldPlane } from '../dataplane/plane/plane.js';
import { windowWordsHeld } from '../dataplane/keys/replay.js';
import { windowWords } from '../dataplane/flood/window.js';
import { holeLimit, keyLimit, peerLimit, peerStride } from '../dataplane/plane/shared.js';
import type { HeldMember, HeldNode } from '../node/held.js';
import { Suite } from '../wire/packet.js';
import { BlobReader, BlobWriter, ref, type Snapshot } from './blobs.js';

const whole = z.number().int().nonnegative();
const index = whole.max(0xffff_ffff);
const ms = z.number();
const slot = whole.max(peerLimit - 1);

const counters = z.object({ sent: whole, next: whole, ring: ref });
const key = z.object({
  localIndex: index,
  remoteIndex: index,
  suite: z.union([z.literal(Suite.aes256gcm), z.literal(Suite.chacha20poly1305)]),
  send: ref,
  receive: ref,
  counters,
});
const keypair = z.object({ localIndex: index, initiator: z.boolean(), confirmed: z.boolean(), ageMs: ms });
const peer = z.object({
  slot,
  credential: ref,
  keypairs: z.array(keypair),
  current: index.nullable(),
  peerBoot: index.nullable(),
  lastStamp: ref.nullable(),
  handshakeAgeMs: ms.nullable(),
  accepted: whole,
  wanted: z.boolean(),
  path: z
    .object({
      endpoint: z.string().nullable(),
      rttMs: ms.nullable(),
      rttVarMs: ms,
      proven: whole,
      joins: z.boolean(),
    })
    .nullable(),
  offers: z.object({ sent: whole, taken: z.number().int().min(-1) }),
  hole: z
    .object({ number: whole.max(holeLimit - 1), host: z.string(), port: whole.min(1).max(0xffff) })
    .nullish(),
});
const sessions = z.object({
  boot: index,
  peers: z.array(peer).max(peerLimit),
  keys: z.array(key).max(keyLimit),
  /** Holes whose sockets went along. */
  holes: z.array(whole).default([]),
});
const floods = z.object({
  epoch: z.number().int().min(-1),
  sequence: whole,
  seen: z.array(z.object({ slot, epoch: whole, top: whole, bits: ref })).max(peerLimit),
});
const held = z.object({ device: ref, peers: z.array(z.object({ slot, counters: ref })).max(peerLimit) });
const relay = z.object({
  url: z.string(),
  host: z.string(),
  port: whole.max(0xffff),
  association: index,
  key: ref,
  counter: whole,
  rttMs: ms.nullable(),
  rttVarMs: ms,
  online: z.array(z.string().regex(/^[0-9a-f]{32}$/)),
  complete: z.boolean(),
  size: whole,
});
const link = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  indirect: z.boolean(),
  leaf: z.boolean(),
  mine: whole.max(0xff),
  theirs: whole.max(0xff),
  table: ref,
});
const overlay = z.object({
  settled: z.boolean(),
  version: whole,
  size: whole,
  links: z.array(link).max(peerLimit),
});

const part = z.object({ v: z.number(), data: z.unknown() });
const snapshot = z.object({
  schema: z.literal(1),
  serial: whole,
  credential: ref,
  parts: z.record(z.string(), part),
});

/** Versions of the parts that this program writes and reads. */
const versions = { sessions: 1, floods: 1, flows: 1, counters: 1, relays: 1, overlay: 1 } as const;
type PartName = keyof typeof versions;

export function encodeNodeSnapshot(node: HeldNode): Snapshot {
  const blobs = new BlobWriter();
  const credential = blobs.put(node.credential);
  const { plane } = node;
  const data: Record<PartName, unknown> = {
    sessions: {
      boot: node.boot,
      peers: node.peers.map(({ slot, credential, session, path, offers, hole }) => ({
        slot,
        credential: blobs.put(credential),
        ...session,
        lastStamp: session.lastStamp && blobs.put(session.lastStamp),
        path,
        offers,
        hole: hole && { number: hole.number, ...hole.endpoint },
      })),
      holes: plane.holes,
      keys: plane.keys.map(({ keys, counters: { sent, window } }) => ({
        localIndex: keys.localIndex,
        remoteIndex: keys.remoteIndex,
        suite: keys.suite,
        send: blobs.put(keys.sendKey),
        receive: blobs.put(keys.receiveKey),
        counters: { sent, next: window.next, ring: blobs.put(window.ring) },
      })),
    },
    floods: plane.floods && {
      ...plane.floods,
      seen: plane.floods.seen.map((window) => ({ ...window, bits: blobs.put(window.bits) })),
    },
    flows: plane.flows && blobs.put(plane.flows),
    counters: {
      device: blobs.put(plane.device),
      peers: plane.peers.map(({ slot, counters }) => ({ slot, counters: blobs.put(counters) })),
    },
    relays: node.relays.map(({ link, ...rest }) => ({
      ...rest,
      ...link.endpoint,
      association: link.association,
      key: blobs.put(link.key),
      counter: link.counter,
      rttMs: link.rttMs,
      rttVarMs: link.rttVarMs,
    })),
    overlay: node.overlay && {
      ...node.overlay,
      links: node.overlay.links.map((one) => ({ ...one, table: blobs.put(one.table) })),
    },
  };
  const parts = Object.fromEntries(
    Object.entries(versions).map(([name, v]) => [name, { v, data: data[name as PartName] }]),
  );
  const head = { schema: 1, serial: node.serial, credential, parts };
  return { head, blob: blobs.bytes() };
}

export interface ParsedSnapshot {
  readonly node: HeldNode;
  /** Parts that were left out. */
  readonly leftOut: readonly string[];
}

/** Undefined: it is no snapshot. Parts that cannot be read whole are left out. */
export function parseNodeSnapshot(head: unknown, blob: Uint8Array): ParsedSnapshot | undefined {
  const outer = snapshot.safeParse(head);
  if (!outer.success) return undefined;
  const { serial, credential, parts } = outer.data;
  const blobs = new BlobReader(blob);
  const leftOut: string[] = [];
  const read = <T, U>(name: PartName, schema: z.ZodType<T>, make: (data: T) => U, without: U): U => {
    const found = parts[name];
    if (found?.v === versions[name]) {
      if (found.data === null) return without;
      const parsed = schema.safeParse(found.data);
      try {
        if (parsed.success) return make(parsed.data);
      } catch (thrown) {
        if (!(thrown instanceof RangeError)) throw thrown;
      }
    }
    leftOut.push(name);
    return without;
  };
  try {
    const own = blobs.take(credential);
    const { boot, peers, keys, holes } = read(
      'sessions',
      sessions,
      (data) => sessionsOf(data, blobs),
      noSessions,
    );
    const counted = read(
      'counters',
      held,
      (data) => ({
        device: blobs.doubles(data.device),
        peers: data.peers.map(({ slot, counters }) => ({
          slot,
          counters: doublesOf(blobs, counters, peerStride),
        })),
      }),
      { device: new Float64Array(0), peers: [] },
    );
    const plane: HeldPlane = {
      keys,
      holes,
      ...counted,
      floods: read(
        'floods',
        floods,
        ({ epoch, sequence, seen }) => ({
          epoch,
          sequence,
          seen: seen.map((window) => ({ ...window, bits: blobs.words(window.bits, windowWords) })),
        }),
        null,
      ),
      flows: read('flows', ref, (where): Int32Array | null => blobs.words(where), null),
    };
    const node: HeldNode = {
      serial,
      credential: own,
      boot,
      peers,
      plane,
      relays: read('relays', z.array(relay), (data) => data.map((one) => relayOf(one, blobs)), []),
      overlay: read(
        'overlay',
        overlay,
        ({ links, ...rest }): HeldNode['overlay'] => ({
          ...rest,
          links: links.map((one) => ({ ...one, table: blobs.take(one.table) })),
        }),
        null,
      ),
    };
    return { node, leftOut };
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

interface Sessions {
  readonly boot: number;
  readonly peers: readonly HeldMember[];
  readonly keys: readonly HeldKey[];
  readonly holes: readonly number[];
}

const noSessions: Sessions = { boot: 0, peers: [], keys: [], holes: [] };

function sessionsOf({ boot, peers, keys, holes }: z.infer<typeof sessions>, blobs: BlobReader): Sessions {
  return {
    boot,
    holes,
    peers: peers.map(({ slot, credential, path, offers, hole, ...session }) => ({
      slot,
      credential: blobs.take(credential),
      session: { ...session, lastStamp: session.lastStamp && blobs.take(session.lastStamp, 12) },
      path,
      offers,
      hole: hole ? { number: hole.number, endpoint: { host: hole.host, port: hole.port } } : null,
    })),
    keys: keys.map(({ localIndex, remoteIndex, suite, send, receive, counters }) => {
      const { sent, next, ring } = counters;
      return {
        keys: {
          localIndex,
          remoteIndex,
          suite,
          sendKey: blobs.take(send, 32),
          receiveKey: blobs.take(receive, 32),
        },
        counters: { sent, window: { next, ring: blobs.words(ring, windowWordsHeld) } },
      };
    }),
  };
}

function relayOf(one: z.infer<typeof relay>, blobs: BlobReader): HeldNode['relays'][number] {
  const { url, online, complete, size, host, port, association, key, counter, rttMs, rttVarMs } = one;
  const link = { endpoint: { host, port }, association, key: blobs.take(key, 32), counter, rttMs, rttVarMs };
  return { url, online, complete, size, link };
}

function doublesOf(blobs: BlobReader, where: z.infer<typeof ref>, length: number): Float64Array {
  const doubles = blobs.doubles(where);
  if (doubles.length !== length) throw new RangeError('another number of counters');
  return doubles;
}
