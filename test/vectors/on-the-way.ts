/** Floods and packets through relays, as vectors have them: made and read by the parts of the program that do so. */
import { FloodProof } from '../../src/core/dataplane/flood/proof.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { nodeIdOf } from '../../src/core/identity/node-id.js';
import { concatBytes, toHex } from '../../src/core/lib/bytes.js';
import { Arena } from '../../src/core/native/arena.js';
import { depthOf, digestLength, FloodAt, floodDepth, SaidAt } from '../../src/core/wire/flood.js';
import { PacketType, relayHeaderLength } from '../../src/core/wire/packet.js';
import * as relay from '../../src/core/wire/relay.js';
import { CounterBlock } from '../../src/rendezvous/counters.js';
import { ForwardCore } from '../../src/rendezvous/forward/forward-core.js';
import { ForwardTable } from '../../src/rendezvous/forward/forward-table.js';

export interface FloodBatch {
  readonly originSeed: Uint8Array;
  /** 8 bytes. */
  readonly bound: Uint8Array;
  readonly ttl: number;
  readonly flags: number;
  readonly epoch: number;
  /** Sequence of the first; the others follow. */
  readonly sequence: number;
  /** Kind and frame of each flood of the batch. */
  readonly inners: readonly Uint8Array[];
  /** Which of them the bytes are. */
  readonly place: number;
}

function saidOf({ originSeed, epoch, sequence, inners }: FloodBatch, place: number): Uint8Array {
  const out = new Uint8Array(SaidAt.inner);
  const view = new DataView(out.buffer);
  out.set(nodeIdOf(keysFromSeed(originSeed).publicKey));
  view.setUint16(SaidAt.epoch, Math.floor(epoch / 2 ** 32));
  view.setUint32(SaidAt.epoch + 2, epoch % 2 ** 32);
  view.setUint32(SaidAt.sequence, sequence + place);
  return concatBytes(out, inners[place] as Uint8Array);
}

export function flood(batch: FloodBatch): Uint8Array {
  const { inners, place, ttl, flags, bound, originSeed } = batch;
  const arena = new Arena(1 << 17);
  const proof = new FloodProof(arena, originSeed);
  inners.forEach((_, i) => {
    const said = saidOf(batch, i);
    const at = arena.alloc(1 + said.length) + 1;
    arena.u8.set(said, at);
    proof.leaf(i, inners.length, at, said.length);
  });
  proof.sign(inners.length);
  const said = saidOf(batch, place);
  const saidAt = FloodAt.path + digestLength * depthOf(inners.length);
  const at = arena.alloc(saidAt + said.length);
  arena.u8.set([ttl, flags, ...bound], at);
  proof.write(place, inners.length, at);
  arena.u8.set(said, at + saidAt);
  return concatBytes(Uint8Array.of(0x23), arena.u8.slice(at, at + saidAt + said.length));
}

/** The flood of the value, when the bytes are genuine and say the same. */
export function openedFlood(bytes: Uint8Array, value: FloodBatch): unknown {
  const length = bytes.length - 1;
  const arena = new Arena(1 << 17);
  const proof = new FloodProof(arena, value.originSeed);
  const at = arena.alloc(length + 1) + 1;
  arena.u8.set(bytes.subarray(1), at);
  const depth = floodDepth(arena.u8, at, length);
  if (bytes[0] !== 0x23 || depth < 0) return undefined;
  const saidAt = FloodAt.path + digestLength * depth;
  if (!proof.climb(at, depth, at + saidAt, length - saidAt)) return undefined;
  if (!proof.verify(keysFromSeed(value.originSeed).publicKey, 0, at, depth)) return undefined;
  const place = (bytes[1 + FloodAt.place] as number) & 0x1f;
  const same = toHex(bytes.subarray(1 + saidAt)) === toHex(saidOf(value, place));
  const [ttl, flags] = [bytes[1], bytes[2]];
  return same ? { ...value, ttl, flags, bound: bytes.slice(3, 11), place } : undefined;
}

export interface Relayed {
  readonly association: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly packet: Uint8Array;
}

/** What a relay makes of a packet in place: the program's own forwarding, with both members bound. */
export function delivered(
  send: Uint8Array,
  { association, source, destination }: Relayed,
): Uint8Array | undefined {
  const [key, addressLength] = [new Uint8Array(32), 18];
  const table = new ForwardTable(addressLength, 1, { nodeMbps: Infinity, networkMbps: Infinity });
  const driver = { endpointOf: () => ({ host: '192.0.2.1', port: 1 }), bound: () => undefined };
  const core = new ForwardCore(table, new CounterBlock(), driver, 1, 1);
  const observed = new Uint8Array(16);
  const handle = (bytes: Uint8Array, from: number): number =>
    core.handle(bytes, new DataView(bytes.buffer), 0, bytes.length, new Uint8Array(18).fill(from), 0, 1_000);
  // The low 16 bits of an index are its place.
  const other = 0x9_0000 | ((association & 0xffff) + 1);
  for (const [index, nodeId, from] of [
    [association, source, 1],
    [other, destination, 2],
  ] as const) {
    table.add({ index, key, network: 0, nodeId, observed });
    handle(relay.encodeBind(index, 1, key), from);
  }
  const bytes = send.slice();
  return handle(bytes, 1) >= 0 ? bytes : undefined;
}

export function relaySend({ association, destination, packet }: Relayed): Uint8Array {
  const header = new Uint8Array(relayHeaderLength);
  header[0] = PacketType.relaySend;
  new DataView(header.buffer).setUint32(4, association, true);
  header.set(destination, 8);
  return concatBytes(header, packet);
}
