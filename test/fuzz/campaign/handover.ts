/** What a successor reads of the process before it: neither a snapshot nor a frame brings it down. */
import { encodeFrame, FrameReader } from '../../../src/core/handover/frames.js';
import { encodeNodeSnapshot, parseNodeSnapshot } from '../../../src/core/handover/node-snapshot.js';
import { CounterBlock, totalsOf } from '../../../src/rendezvous/counters.js';
import { rowLength } from '../../../src/rendezvous/forward/table-rows.js';
import {
  encodeForwarding,
  encodeRelay,
  parseForwarding,
  parseRelay,
} from '../../../src/rendezvous/move/relay-snapshot.js';
import { heldNode } from '../../support/held-node.js';
import { parser, type Target } from './target.js';

const totals = new CounterBlock();
const forwarding = { rows: new Uint8Array(rowLength), totals: totalsOf([totals]) };
const id = '0123456789abcdef0123456789abcdef';
const relay = encodeRelay({
  guests: [
    {
      connection: 3,
      held: {
        stage: 'up',
        observed: '192.0.2.1:4242',
        away: false,
        transport: { sendKey: new Uint8Array(32), receiveKey: new Uint8Array(32), sent: 7, received: 9 },
        remoteStatic: new Uint8Array(32),
        announcements: [],
      },
      member: {
        network: id.slice(16),
        id,
        association: 5,
        key: new Uint8Array(32),
        inviteId: 'x',
        rights: 1,
        watches: [id],
        here: true,
      },
      hello: undefined,
    },
  ],
  lingering: [{ network: id.slice(16), id, association: 6, observed: '192.0.2.1:4242' }],
  views: [{ network: id.slice(16), rootKey: new Uint8Array(32), complete: true, size: 2 }],
  totals: totalsOf([totals]),
  restarts: 0,
  refused: [['limit', 2]],
  forwarding,
});
const table = encodeForwarding(forwarding);

const encoder = new TextEncoder();
const { head, blob } = encodeNodeSnapshot(heldNode());

/** The head may be anything that is JSON; the blob stays. */
const readHead =
  (parse: (head: unknown, blob: Uint8Array) => unknown, kept: Uint8Array) =>
  (bytes: Uint8Array): unknown => {
    try {
      return parse(JSON.parse(new TextDecoder().decode(bytes)), kept);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return undefined;
      throw thrown;
    }
  };

function readFrame(bytes: Uint8Array): unknown {
  try {
    // It wipes what it read.
    return new FrameReader().push(bytes.slice())[0];
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

export const handover: readonly Target[] = [
  parser('snapshot of a node', [encoder.encode(JSON.stringify(head))], readHead(parseNodeSnapshot, blob), 5),
  parser('snapshot of a node, its bytes', [blob], (bytes) => parseNodeSnapshot(head, bytes) ?? null, 1),
  parser(
    'snapshot of a relay',
    [encoder.encode(JSON.stringify(relay.head))],
    readHead(parseRelay, relay.blob),
    5,
  ),
  parser('snapshot of a relay, its bytes', [relay.blob], (bytes) => parseRelay(relay.head, bytes) ?? null, 1),
  parser(
    'snapshot of a forwarding thread',
    [encoder.encode(JSON.stringify(table.head))],
    readHead(parseForwarding, table.blob),
    5,
  ),
  parser(
    'frames of a handover',
    [
      Buffer.concat(encodeFrame({ type: 'ready', id: 'x' })),
      Buffer.concat(encodeFrame({ type: 'state' }, Uint8Array.of(1, 2))),
    ].map((bytes) => new Uint8Array(bytes)),
    readFrame,
  ),
];
