import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { pinRelay, registerAny } from '../../../src/core/relays/net/register.js';
import { env, Kit, TestNetwork } from '../rendezvous/relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

async function webServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  kit.later(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('pinRelay', () => {
  it('takes the key that the relay shows, and checks one that is given', async () => {
    const relay = await kit.relay();
    expect(await pinRelay(`evio://${relay.listen}`)).toEqual(relay.fact);
    expect(await pinRelay(relay.url)).toEqual(relay.fact);
    const wrong = relay.url.replace(/#.*/, `#${'A'.repeat(43)}`);
    await expect(pinRelay(wrong)).rejects.toMatchObject({ code: 'EVIO_RELAY_KEY_MISMATCH' });
  });

  it.each([
    ['another web server', (_request, response) => response.writeHead(404).end()],
    ['JSON of something else', (_request, response) => response.end('{"status":"ok"}')],
    ['a key that is none', (_request, response) => response.end('{"status":"ok","key":"abc"}')],
    ['no end of bytes', (_request, response) => response.end('x'.repeat(100_000))],
    ['silence', () => undefined],
  ] as [string, RequestListener][])('says unreachable to %s', async (_name, answer) => {
    const address = await webServer(answer);
    await expect(pinRelay(address, { timeoutMs: 400 })).rejects.toMatchObject({
      code: 'EVIO_RELAY_UNREACHABLE',
    });
  });
});

describe('registerAny', () => {
  it('takes the first relay that answers', async () => {
    const relay = await kit.relay();
    const dead = { address: '127.0.0.1:1', key: generateKeys(systemRandom).publicKey };
    const node = new TestNetwork([dead, relay.fact]).node(1);
    const options = { ...node, agent: 'x', timeoutMs: 2_000, env };
    const { relay: chosen } = await registerAny({ ...options, relays: [dead, relay.fact] });
    expect(chosen).toBe(relay.fact);
    await expect(registerAny({ ...options, relays: [dead] })).rejects.toMatchObject({
      code: 'EVIO_RELAY_UNREACHABLE',
    });
  });

  it('tells the reason that says most when all fail', async () => {
    const relay = await kit.relay();
    const dead = { address: '127.0.0.1:1', key: generateKeys(systemRandom).publicKey };
    const network = new TestNetwork([dead, relay.fact]);
    const node = network.node(1, network.invite({ notAfter: Date.now() - 1 }));
    const attempt = registerAny({ ...node, agent: 'x', timeoutMs: 2_000, env, relays: [relay.fact, dead] });
    await expect(attempt).rejects.toMatchObject({ code: 'EVIO_TOKEN_EXPIRED' });
  });
});
