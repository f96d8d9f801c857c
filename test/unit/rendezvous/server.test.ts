import { afterEach, describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/core/wire/relay.js';
import { Kit, TestNetwork, until } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('two nodes at a relay', () => {
  it('exchange packets by WebSocket', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    await until(() => a.members.length === 1 && a.presence.length === 1);
    const batch = batchOf(Uint8Array.of(1, 2, 3));
    expect(a.client.sendData(b.node.id, batch)).toBe(true);
    await until(() => b.received.length === 1);
    expect(b.received[0]).toEqual({ source: a.node.id, batch });
    expect(relay.server.totals().packets['ws-ws']).toBe(1);
  });
});
