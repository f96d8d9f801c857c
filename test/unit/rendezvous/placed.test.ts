/** A relay says whether a member's UDP comes from where that member told another. Real sockets. */
import { afterEach, expect, it } from 'vitest';
import { Kit, TestNetwork, UdpPeer, until, type TestClient } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

async function placed(asker: TestClient, id: string, host: string): Promise<boolean> {
  const before = asker.answers.length;
  expect(asker.client.request({ type: 'placed', id, host })).toBe(true);
  const answer = () => asker.answers.slice(before).find((one) => one.type === 'placed');
  await until(() => answer() !== undefined);
  expect(answer()).toMatchObject({ id, host });
  return (answer() as { here: boolean }).here;
}

it('of members of the same network, who proved their address', async () => {
  const relay = await kit.relay();
  const network = new TestNetwork([relay.fact]);
  const asker = await kit.client(network.node(1), relay.fact).up();
  const other = await kit.client(network.node(2), relay.fact).up();
  const id = other.node.idText;
  expect(await placed(asker, id, '127.0.0.1')).toBe(false);
  const peer = await UdpPeer.open(kit, other.session);
  await peer.bind();
  expect(await placed(asker, id, '127.0.0.1')).toBe(true);
  expect(await placed(asker, id, '127.0.0.2')).toBe(false);
  expect(await placed(asker, '0'.repeat(32), '127.0.0.1')).toBe(false);
  const stranger = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
  expect(await placed(stranger, id, '127.0.0.1')).toBe(false);
  other.client.stop();
  await until(() => asker.presence.some(({ online }) => !online));
  expect(await placed(asker, id, '127.0.0.1')).toBe(false);
});
