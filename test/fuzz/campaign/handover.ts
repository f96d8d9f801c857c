/** What a successor reads of the process before it: neither a snapshot nor a frame brings it down. */
import { encodeFrame, FrameReader } from '../../../src/core/handover/frames.js';
import { encodeNodeSnapshot, parseNodeSnapshot } from '../../../src/core/handover/node-snapshot.js';
import { heldNode } from '../../support/held-node.js';
import { parser, type Target } from './target.js';

const encoder = new TextEncoder();
const { head, blob } = encodeNodeSnapshot(heldNode());

/** The head may be anything that is JSON; the blob stays. */
function readHead(bytes: Uint8Array): unknown {
  try {
    return parseNodeSnapshot(JSON.parse(new TextDecoder().decode(bytes)), blob);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

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
  parser('snapshot of a node', [encoder.encode(JSON.stringify(head))], readHead, 5),
  parser('snapshot of a node, its bytes', [blob], (bytes) => parseNodeSnapshot(head, bytes) ?? null, 1),
  parser(
    'frames of a handover',
    [
      Buffer.concat(encodeFrame({ type: 'ready', id: 'x' })),
      Buffer.concat(encodeFrame({ type: 'state' }, Uint8Array.of(1, 2))),
    ].map((bytes) => new Uint8Array(bytes)),
    readFrame,
  ),
];
