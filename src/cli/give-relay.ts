/** The relay as something that one process gives and another takes (core/handover). */
import type { Given } from '../core/handover/give.js';
import type { Taker } from '../core/handover/taker.js';
import { messageOf } from '../core/lib/errors.js';
import { closeOnExec } from '../core/native/on-exec.js';
import { descriptorsOf, inheritedSockets, type RelayHeritage } from '../rendezvous/move/heritage.js';
import { parseForwarding, parseRelay } from '../rendezvous/move/relay-snapshot.js';
import type { RelayServer } from '../rendezvous/server.js';

const id = 'relay';

/** @param rests this process ends before the other begins */
export function givenRelay(server: RelayServer, rests = false): Given {
  return {
    id,
    flows: true,
    describe: () => server.descriptors(rests),
    freeze: () => server.freeze(),
    thaw: () => {
      server.thaw();
    },
    letGo: () => server.letGo(),
    recover: () => server.recover(),
  };
}

/** What the process before leaves. Ends this process where that is nothing that it knows. */
export async function relayHeritage(taker: Taker): Promise<RelayHeritage> {
  const thing = taker.left.claim(id);
  const sockets = thing && inheritedSockets(thing.descriptor, thing.facts);
  if (!sockets) return taker.fail('what the relay before left is of another kind');
  for (const fd of descriptorsOf(sockets)) closeOnExec(fd);
  return {
    sockets,
    take: async () => {
      const { message, blob } = await taker.take(id);
      const held = parseRelay(message['snapshot'], blob);
      blob.fill(0);
      return held ?? taker.fail('what the relay before left cannot be read');
    },
    commit: async () => {
      const told = await taker.commit(id, []);
      return told && parseForwarding(told.message['tail'], told.blob);
    },
    took: () => {
      taker.took(id);
    },
    fail: (thrown) => taker.fail(messageOf(thrown)),
  };
}
