/** What a node leaves to its successor, with something in every part. */
import { OwnFlows } from '../../src/core/switch/own-flows.js';
import { peerStride } from '../../src/core/dataplane/plane/shared.js';
import type { HeldNode } from '../../src/core/node/held.js';
import { encodeRing } from '../../src/core/wire/ring.js';
import { Suite } from '../../src/core/wire/packet.js';

const bytes = (length: number, from: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
const id = (byte: string): string => byte.repeat(16);

export function heldNode(): HeldNode {
  const table = encodeRing({
    type: 'table',
    version: 7,
    claims: 1,
    leaf: false,
    settled: true,
    successors: [id('0b')],
    predecessors: [],
    others: [id('0c')],
    indirect: [],
  });
  return {
    serial: 3,
    credential: bytes(80, 1),
    boot: 0xfeed_beef,
    peers: [
      {
        slot: 4,
        credential: bytes(90, 2),
        session: {
          keypairs: [
            { localIndex: 0xffff_0001, initiator: true, confirmed: true, ageMs: 1_500.25 },
            { localIndex: 0x12_0002, initiator: false, confirmed: false, ageMs: 2 },
          ],
          current: 0xffff_0001,
          peerBoot: 17,
          lastStamp: bytes(12, 9),
          handshakeAgeMs: 1_500.25,
          accepted: 2,
          wanted: true,
        },
        path: { endpoint: '192.0.2.7:4242', rttMs: 1.5, rttVarMs: 0.25, proven: 1_300, joins: true },
        offers: { sent: 5, taken: -1 },
        hole: { number: 3, endpoint: { host: '203.0.113.7', port: 40_001 } },
      },
    ],
    relays: [
      {
        url: 'evio://relay.example:3478',
        link: {
          endpoint: { host: '192.0.2.1', port: 3478 },
          association: 0xabcd_0003,
          key: bytes(32, 3),
          counter: 1_795_000_000_000,
          rttMs: null,
          rttVarMs: 0,
        },
        online: [id('0b')],
        complete: true,
        size: 2,
      },
    ],
    overlay: {
      settled: true,
      version: 12,
      size: 2,
      links: [{ id: id('0b'), indirect: false, leaf: false, mine: 1, theirs: 3, table }],
    },
    plane: {
      holes: [3],
      keys: [
        {
          keys: {
            localIndex: 0xffff_0001,
            remoteIndex: 77,
            suite: Suite.aes256gcm,
            sendKey: bytes(32, 4),
            receiveKey: bytes(32, 5),
          },
          counters: { sent: 2 ** 40, window: { next: 9_000, ring: new Int32Array(256).fill(-7) } },
        },
      ],
      floods: {
        epoch: 1_795_000_000_000,
        sequence: 9,
        seen: [{ slot: 4, epoch: 1_795_000_000_001, top: 33, bits: new Int32Array(33).fill(3) }],
      },
      flows: new OwnFlows(new Int32Array(4)).words.slice(),
      device: Float64Array.of(1, 2, 3),
      peers: [{ slot: 4, counters: new Float64Array(peerStride).fill(6) }],
    },
  };
}
