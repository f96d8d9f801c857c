/** The network of a node as something that one process gives and another takes (handover/). */
import { z } from 'zod';
import type { Given } from '../handover/give.js';
import { encodeNodeSnapshot, parseNodeSnapshot } from '../handover/node-snapshot.js';
import type { Taker } from '../handover/taker.js';
import { messageOf } from '../lib/errors.js';
import { closeOnExec } from '../native/on-exec.js';
import type { Heritage } from '../node/held.js';
import { wipeKeys } from '../node/move.js';
import type { Node } from '../node/node.js';

const descriptors = z.object({
  device: z.string(),
  deviceIpv6: z.boolean(),
  datagramOffload: z.boolean(),
  /** How many descriptors of each come, in this order. */
  taps: z.number().int().min(1),
  udps: z.number().int().min(1),
  /** Numbers of holes: a descriptor for each. */
  holes: z.array(z.number().int().min(0)).default([]),
  port: z.number().int(),
  ipv6: z.boolean(),
});

export function givenNode(node: Node): Given {
  const { move } = node;
  return {
    id: node.networkId,
    describe: () => {
      const { taps, udps, holes, ...rest } = move.descriptors();
      return {
        fds: [...taps, ...udps, ...holes.values()],
        facts: { ...rest, taps: taps.length, udps: udps.length, holes: [...holes.keys()] },
      };
    },
    freeze: async () => {
      const held = await move.freeze();
      const encoded = encodeNodeSnapshot(held);
      wipeKeys(held);
      return encoded;
    },
    thaw: () => {
      move.thaw();
    },
    letGo: () => {
      move.letGo();
      return undefined;
    },
    recover: () => move.recover(),
  };
}

/** What the process before leaves of this network, once; undefined: nothing. */
export function nodeHeritage(taker: Taker, id: string): Heritage | undefined {
  const thing = taker.left.claim(id);
  const facts = descriptors.safeParse(thing?.facts);
  if (!thing || !facts.success) {
    thing?.close();
    return undefined;
  }
  const { taps, udps, holes, ...rest } = facts.data;
  const fds = Array.from({ length: taps + udps + holes.length }, (_, i) => thing.descriptor(i));
  if (fds.some((fd) => fd < 0)) return undefined;
  for (const fd of fds) closeOnExec(fd);
  let leftOut: readonly string[] = [];
  return {
    plane: {
      ...rest,
      taps: fds.slice(0, taps),
      udps: fds.slice(taps, taps + udps),
      holes: new Map(holes.map((hole, i) => [hole, fds[taps + udps + i] as number])),
    },
    take: async () => {
      const { message, blob } = await taker.take(id);
      const parsed = parseNodeSnapshot(message['snapshot'], blob);
      blob.fill(0);
      if (!parsed) return taker.fail('what the process before left cannot be read');
      leftOut = parsed.leftOut;
      return parsed.node;
    },
    commit: async () => {
      await taker.commit(id, leftOut);
    },
    took: () => {
      taker.took(id);
    },
    fail: (thrown) => taker.fail(messageOf(thrown)),
  };
}
