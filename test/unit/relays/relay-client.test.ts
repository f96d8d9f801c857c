import { afterEach, describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/core/wire/relay.js';
import { env, fastEnv, Kit, sleep, TestNetwork, until } from '../rendezvous/relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('RelayClient', () => {
  it('measures the round trip and says where the relay’s UDP is', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    await until(() => client.rtts.length === 1);
    expect(client.rtts[0]).toBeGreaterThan(0);
    expect(client.rtts[0]).toBeLessThan(1_000);
    expect(client.session).toMatchObject({ endpoint: { host: '127.0.0.1', port: relay.port } });
    expect(client.session.key).toHaveLength(32);
    expect(client.ups[0]?.welcome.observed).toBe('127.0.0.1');
  });

  it('drops and counts data while it is not connected', async () => {
    const relay = await kit.relay();
    const { client, node } = kit.client(new TestNetwork([relay.fact]).node(1), relay.fact);
    expect(client.sendData(node.id, batchOf(new Uint8Array(9)))).toBe(false);
    expect(client.dropped).toBe(1);
    expect(client.state).toBe('stopped');
  });

  it('comes back when the relay does, with growing and uneven pauses', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const client = await kit.client(network.node(1), relay.fact).up();
    await relay.server.stop();
    await until(() => client.downs.length >= 5);
    expect(client.client.state).not.toBe('connected');
    const waits = client.downs.map(({ retryInMs }) => retryInMs);
    waits.forEach((wait, i) => expect(wait).toBeLessThanOrEqual(Math.min(2_000, 250 * 2 ** i)));
    expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(2);
    expect(client.downs[1]?.reason.code).toBe('EVIO_RELAY_UNREACHABLE');
    const again = await kit.relay({ home: relay.home, listen: relay.listen });
    await until(() => client.ups.length === 2, 10_000);
    expect(again.server.clients).toBe(1);
    expect(client.session.association).not.toBe(client.ups[0]?.session.association);
  });

  it('never waits more than 30 s, however long the relay is away', async () => {
    const gone = { address: '127.0.0.1:1', key: new TestNetwork([]).root.publicKey };
    const client = kit.client(new TestNetwork([gone]).node(1), gone, fastEnv(200));
    client.client.start();
    await until(() => client.downs.length >= 170, 18_000);
    const waits = client.downs.map(({ retryInMs }) => retryInMs);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(Math.max(...waits)).toBeGreaterThan(5_000);
    expect(Math.max(...waits.slice(0, 10))).toBeLessThanOrEqual(2_000);
  });

  it('finds out by itself that the path is dead', async () => {
    const relay = await kit.relay();
    const proxy = await kit.proxy(relay);
    const fast = fastEnv(20);
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), proxy.fact, fast).up();
    await until(() => client.rtts.length > 0);
    const frozen = fast.clock.now();
    proxy.freeze();
    proxy.reroute();
    await until(() => client.downs.length === 1);
    const took = fast.clock.now() - frozen;
    expect(took).toBeGreaterThan(4_000);
    expect(took).toBeLessThan(21_000);
    expect(client.downs[0]?.reason.message).toContain('no sign of life');
    await until(() => client.ups.length === 2);
  });

  it('is back within two seconds of a nudge when the path died', async () => {
    const relay = await kit.relay();
    const proxy = await kit.proxy(relay);
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), proxy.fact).up();
    proxy.freeze();
    proxy.reroute();
    const nudged = performance.now();
    client.client.nudge();
    client.client.nudge();
    await until(() => client.ups.length === 2);
    expect(performance.now() - nudged).toBeGreaterThan(1_400);
    expect(performance.now() - nudged).toBeLessThan(2_500);
    expect(client.downs).toHaveLength(1);
    expect(client.downs[0]?.retryInMs).toBe(0);
  });

  it('connects anew when the machine slept, without asking first whether the connection lives', async () => {
    const relay = await kit.relay();
    const proxy = await kit.proxy(relay);
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), proxy.fact).up();
    proxy.freeze();
    proxy.reroute();
    client.client.resume('this machine slept');
    expect(client.downs).toMatchObject([{ retryInMs: 0 }]);
    expect(client.downs[0]?.reason.message).toContain('this machine slept');
    await until(() => client.ups.length === 2);
    expect(client.downs).toHaveLength(1);
    // The same twice, in the midst of it, and while it is stopped.
    client.client.resume('this machine slept');
    client.client.resume('this machine slept');
    await until(() => client.ups.length === 3);
    client.client.stop();
    client.client.resume('this machine slept');
    await sleep(100);
    expect(client.client.state).toBe('stopped');
  });

  it('knows when the relay, or its machine, gave a sign of life', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    expect(env.clock.now() - client.client.heardAt).toBeLessThan(5_000);
    await relay.server.stop();
    const downs = client.downs.length;
    const stopped = env.clock.now();
    // Nobody listens there, which the machine says itself.
    await until(() => client.downs.length > downs + 1);
    expect(client.client.heardAt).toBeGreaterThan(stopped);
  });

  it('has another connection before it leaves the one there is, when it moves', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    client.client.move();
    await until(() => client.ups.length === 2);
    expect(client.downs.every(({ retryInMs }) => retryInMs === 0)).toBe(true);
    expect(client.client.state).toBe('connected');
    await until(() => relay.server.clients === 1);
  });

  it('keeps a living connection when nudged', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    await until(() => client.rtts.length === 1);
    client.client.nudge();
    await until(() => client.rtts.length === 2);
    await sleep(1_700);
    expect([client.ups.length, client.downs.length]).toEqual([1, 0]);
  });

  it('tries at once when nudged while it waits', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    await relay.server.stop();
    await until(() => client.downs.length >= 5);
    await kit.relay({ home: relay.home, listen: relay.listen });
    const nudged = performance.now();
    client.client.nudge();
    await until(() => client.ups.length === 2);
    expect(performance.now() - nudged).toBeLessThan(1_000);
  });

  it('tells a refusal apart, asks seldom, and comes when the reason is gone', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    await kit.client(network.node(1, undefined, { name: 'first' }), relay.fact).up();
    const late = kit.client(network.node(1), relay.fact);
    late.client.start();
    await until(() => late.refusals.length === 1);
    expect(late.refusals[0]).toMatchObject({ code: 'address-taken', detail: 'first' });
    expect(late.refusals[0]?.error.code).toBe('EVIO_ADDRESS_TAKEN');
    await sleep(300);
    expect(late.refusals).toHaveLength(1);
    expect(late.downs).toHaveLength(0);
    late.credential = network.node(2, undefined, { keys: late.node.keys }).credential;
    late.client.nudge();
    await until(() => late.ups.length === 1);
  });

  it('costs less than 100 bytes a second when idle', async () => {
    const relay = await kit.relay();
    const proxy = await kit.proxy(relay);
    const fast = fastEnv(50);
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), proxy.fact, fast).up();
    await until(() => client.rtts.length > 0);
    const before = { bytes: proxy.bytes, reads: proxy.reads, at: fast.clock.now() };
    await until(() => fast.clock.now() - before.at > 60_000);
    const seconds = (fast.clock.now() - before.at) / 1000;
    // IPv4 and TCP with timestamps: 52 bytes a segment; at worst each is answered by a bare acknowledgement.
    const wire = proxy.bytes - before.bytes + (proxy.reads - before.reads) * 2 * 52;
    expect(client.rtts.length).toBeGreaterThan(8);
    expect(wire / seconds).toBeLessThan(100);
  });

  it('says nothing after stop', async () => {
    const relay = await kit.relay();
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    client.client.stop();
    client.client.stop();
    await until(() => relay.server.clients === 0);
    await sleep(100);
    expect(client.downs).toEqual([]);
    expect(client.client.state).toBe('stopped');
    client.client.start();
    await until(() => client.ups.length === 2);
    expect(env.clock.now()).toBeGreaterThan(0);
  });
});
