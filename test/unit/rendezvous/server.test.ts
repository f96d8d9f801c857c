import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { verifyCredential } from '../../../src/core/identity/certificate.js';
import { verifyReceipt } from '../../../src/core/identity/receipt.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { openNetwork, type NetworkFacts } from '../../../src/core/identity/network.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { pinRelay, registerOnce } from '../../../src/core/relays/net/register.js';
import { RelayServer } from '../../../src/rendezvous/server.js';
import { env, Kit, TestNetwork, until, type TestNode, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

function register(relay: TestRelay, node: TestNode) {
  return registerOnce({ ...node, relay: relay.fact, agent: 'evio/test', timeoutMs: 5_000, env });
}

function joinedOf(receipt: string | null): number | undefined {
  return verifyReceipt(fromBase64Url(receipt ?? '') ?? new Uint8Array(0))?.joined;
}

describe('starting and stopping', () => {
  it('keeps its key over restarts, in a file that only its user reads', async () => {
    const home = kit.home();
    const first = await kit.relay({ home });
    await first.server.stop();
    await first.server.stop();
    const second = await kit.relay({ home });
    expect(second.fact.key).toEqual(first.fact.key);
    expect(statSync(join(home, 'relay', 'relay.json')).mode & 0o777).toBe(0o600);
  });

  it('answers /healthz with its key when it is open, and 404 to the rest', async () => {
    const relay = await kit.relay();
    const answer = await fetch(`http://${relay.listen}/healthz`);
    expect(await answer.json()).toMatchObject({
      status: 'ok',
      key: toBase64Url(relay.fact.key),
      udpPort: relay.port,
    });
    for (const path of ['/', '/metrics', '/evio/v1', '/healthz/../etc'])
      expect((await fetch(`http://${relay.listen}${path}`)).status).toBe(404);
    expect((await fetch(`http://${relay.listen}/healthz`, { method: 'POST' })).status).toBe(404);
    expect(await pinRelay(relay.listen)).toEqual(relay.fact);
  });

  it('says EVIO_ADDRESS_IN_USE when the port is taken, and leaves nothing running', async () => {
    const relay = await kit.relay();
    const second = new RelayServer({ listen: relay.listen, home: kit.home(), env });
    await expect(second.start()).rejects.toMatchObject({ code: 'EVIO_ADDRESS_IN_USE' });
    await relay.server.stop();
    const third = await kit.relay({ listen: relay.listen });
    expect(third.port).toBe(relay.port);
  });

  it('runs without the second STUN port when it is taken', async () => {
    const taken = await kit.relay();
    const relay = await kit.relay({ alternatePort: taken.port });
    const welcome = await register(relay, new TestNetwork([relay.fact]).node(1));
    expect(welcome.alternatePort).toBeNull();
  });

  it('listens on IPv4 and IPv6 with [::]', async () => {
    const relay = await kit.relay({ listen: '[::]:0' });
    expect((await fetch(`http://127.0.0.1:${relay.port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://[::1]:${relay.port}/healthz`)).status).toBe(200);
    expect(relay.url).not.toContain('[::]');
  });

  it('names the address it was told to, with the UDP port of the mapping or of its own', async () => {
    const mapped = await kit.relay({ public: 'relay.example.org:9000' });
    expect(mapped.url).toMatch(/^evio:\/\/relay\.example\.org:9000#/);
    const health = async (relay: TestRelay) =>
      (await (await fetch(`http://${relay.listen}/healthz`)).json()) as { udpPort: number };
    expect((await health(mapped)).udpPort).toBe(9000);
    const proxied = await kit.relay({ public: 'wss://relay.example.org:443' });
    expect(proxied.url).toMatch(/^evios:\/\/relay\.example\.org:443#/);
    expect((await health(proxied)).udpPort).toBe(proxied.port);
  });

  it.each([
    ['damaged', '{"version":1,"seed":"x"}', 'EVIO_PROFILE_CORRUPT'],
    ['of a later version', '{"version":2,"seeds":["x"]}', 'EVIO_PROFILE_NEWER'],
  ])('refuses a key file that is %s instead of taking another key', async (_, text, code) => {
    const home = kit.home();
    mkdirSync(join(home, 'relay'));
    writeFileSync(join(home, 'relay', 'relay.json'), text);
    const server = new RelayServer({ listen: '127.0.0.1:0', home, env });
    await expect(server.start()).rejects.toMatchObject({ code });
    expect(readFileSync(join(home, 'relay', 'relay.json'), 'utf8')).toBe(text);
  });

  it('counts anew, and keeps the old file, when its state is damaged', async () => {
    const home = kit.home();
    mkdirSync(join(home, 'relay'));
    writeFileSync(join(home, 'relay', 'state.json'), '{"version":1,"netw');
    const relay = await kit.relay({ home });
    expect((await register(relay, new TestNetwork([relay.fact]).node(1))).type).toBe('welcome');
  });

  it('serves metrics on a port of their own', async () => {
    const relay = await kit.relay({ metrics: '127.0.0.1:0' });
    await register(relay, new TestNetwork([relay.fact]).node(1));
    const text = await (await fetch(`http://${relay.metrics}/metrics`)).text();
    expect(text).toContain('evio_relay_members 1');
    expect(text).toMatch(/evio_relay_drops_total\{reason="malformed"\} 0/);
  });

  it('speaks TLS with any certificate, because Noise proves who it is', async () => {
    const home = kit.home();
    const [certFile, keyFile] = [join(home, 'cert.pem'), join(home, 'key.pem')];
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=relay', '-keyout', keyFile, '-out', certFile],
    ]);
    const relay = await kit.relay({ home, tls: { certFile, keyFile } });
    expect(relay.url).toMatch(/^evios:/);
    expect(relay.fact.address).toMatch(/^wss:/);
    const node = new TestNetwork([relay.fact]).node(1);
    expect((await register(relay, node)).type).toBe('welcome');
    // Asking for a key that is not known yet is another matter.
    await expect(pinRelay(`evios://${relay.listen}`)).rejects.toMatchObject({
      code: 'EVIO_RELAY_UNREACHABLE',
      message: expect.stringMatching(/certificate .* evios:\/\/\S+#KEY/) as string,
    });
    // Named by HOST:PORT, as somebody types it who knows nothing of TLS.
    await expect(pinRelay(relay.listen)).rejects.toMatchObject({
      code: 'EVIO_RELAY_UNREACHABLE',
      message: expect.stringContaining(`if it speaks TLS, write evios://${relay.listen}#KEY`) as string,
    });
    const plain = { ...relay.fact, address: relay.listen };
    await expect(register({ ...relay, fact: plain }, node)).rejects.toMatchObject({
      code: 'EVIO_RELAY_UNREACHABLE',
    });
    const broken = new RelayServer({
      listen: '127.0.0.1:0',
      home: kit.home(),
      env,
      tls: { certFile, keyFile: certFile },
    });
    await expect(broken.start()).rejects.toMatchObject({ code: 'EVIO_BAD_VALUE' });
  });

  it('goes on from memory when its disk fails, says so once, and makes good what was missed', async () => {
    const home = kit.home();
    const said: string[] = [];
    const log = { ...env.log, error: (message: string) => said.push(message) };
    const first = await kit.relay({ home });
    await first.server.stop();
    const relay = await kit.relay({ home, listen: first.listen, env: { ...env, log } });
    const network = new TestNetwork([relay.fact]);
    const invite = network.invite({ uses: 1 });
    const aside = join(home, 'aside');
    renameSync(join(home, 'relay'), aside);
    expect((await register(relay, network.node(1, invite))).receipt).not.toBeNull();
    await expect(register(relay, network.node(2, invite))).rejects.toMatchObject({
      code: 'EVIO_TOKEN_USED_UP',
    });
    expect(said).toEqual(['relay cannot use its disk and goes on from memory']);
    renameSync(aside, join(home, 'relay'));
    await relay.server.stop();
    const third = await kit.relay({ home, listen: first.listen });
    await expect(register(third, network.node(2, invite))).rejects.toMatchObject({
      code: 'EVIO_TOKEN_USED_UP',
    });
  });

  it('answers turnutils_stunclient with the address it sees', async () => {
    const relay = await kit.relay();
    const { stdout } = await promisify(execFile)('turnutils_stunclient', [
      '-p',
      String(relay.port),
      '127.0.0.1',
    ]);
    expect(stdout).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
  });
});

describe('admission', () => {
  it('takes a node that the root signed without a receipt', async () => {
    const relay = await kit.relay();
    const welcome = await register(relay, new TestNetwork([relay.fact]).node(1));
    expect(welcome.receipt).toBeNull();
    expect(Math.abs(welcome.date - Date.now())).toBeLessThan(5_000);
  });

  it('gives a receipt that makes an invited node a member for everyone', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const watcher = await kit.client(network.node(1), relay.fact).up();
    const node = network.node(2, network.invite({ uses: 1 }));
    const welcome = await register(relay, node);
    const receipt = verifyReceipt(fromBase64Url(welcome.receipt as string) as Uint8Array);
    expect(receipt).toMatchObject({ witnessKey: relay.fact.key, nodeKey: node.keys.publicKey });
    await until(() => watcher.members.length === 1);
    const facts = openNetwork(network.networkBytes) as NetworkFacts;
    const verdict = verifyCredential(watcher.members[0] as Uint8Array, facts, Date.now());
    expect(verdict.ok && verdict.member.idText).toBe(node.idText);
  });

  it('counts machines, not connections, and refuses one too many', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const invite = network.invite({ uses: 2 });
    const first = network.node(1, invite);
    await register(relay, first);
    await register(relay, first);
    await register(relay, network.node(2, invite));
    await expect(register(relay, network.node(3, invite))).rejects.toMatchObject({
      code: 'EVIO_TOKEN_USED_UP',
    });
  });

  it('remembers uses after a kill: a receipt that left is on disk', async () => {
    const home = kit.home();
    const relay = await kit.relay({ home });
    const network = new TestNetwork([relay.fact]);
    const invite = network.invite({ uses: 1 });
    const node = network.node(1, invite);
    const given = (await register(relay, node)).receipt;
    // As a kill would leave it: what is on disk right now, read by another process.
    const copy = kit.home();
    cpSync(join(home, 'relay'), join(copy, 'relay'), { recursive: true });
    await relay.server.stop();
    for (const folder of [copy, home]) {
      const again = await kit.relay({ home: folder });
      await expect(register(again, network.node(2, invite))).rejects.toMatchObject({
        code: 'EVIO_TOKEN_USED_UP',
      });
      // The node itself gets a receipt of the first date again.
      const { receipt } = await register(again, node);
      expect(joinedOf(receipt)).toBe(joinedOf(given));
      await again.server.stop();
    }
    const files = readdirSync(join(home, 'relay'));
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) expect(statSync(join(home, 'relay', file)).mode & 0o777).toBe(0o600);
  });

  it('takes a receipt of another relay of the network, and counts nothing', async () => {
    const one = await kit.relay();
    const two = await kit.relay();
    const network = new TestNetwork([one.fact, two.fact]);
    const invite = network.invite({ uses: 1 });
    const node = network.node(1, invite);
    const watcher = await kit.client(network.node(9), one.fact).up();
    await register(one, node);
    await until(() => watcher.members.length === 1);
    const welcome = await register(two, { ...node, credential: watcher.members[0] as Uint8Array });
    expect(welcome.receipt).toBeNull();
  });

  it('refuses an expired invite', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const node = network.node(1, network.invite({ notAfter: Date.now() - 1 }));
    await expect(register(relay, node)).rejects.toMatchObject({ code: 'EVIO_TOKEN_EXPIRED' });
  });

  it('refuses networks that do not name it, and those it was not told to serve', async () => {
    const other = { address: '127.0.0.1:1', key: generateKeys(systemRandom).publicKey };
    const open = await kit.relay();
    await expect(register(open, new TestNetwork([other]).node(1))).rejects.toMatchObject({
      code: 'EVIO_RELAY_REFUSED',
    });
    const home = kit.home();
    const closed = await kit.relay({ home });
    const network = new TestNetwork([closed.fact]);
    await closed.server.stop();
    const strict = await kit.closedRelay({ home, listen: closed.listen, allow: ['0123456789abcdef'] });
    await expect(register(strict, network.node(1))).rejects.toMatchObject({ code: 'EVIO_RELAY_REFUSED' });
    await strict.server.stop();
    const kind = await kit.closedRelay({ home, listen: closed.listen, allow: [network.id] });
    expect((await register(kind, network.node(1))).type).toBe('welcome');
  });

  it('refuses a credential that another node stole', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const thief = { ...network.node(1), keys: generateKeys(systemRandom) };
    await expect(register(relay, thief)).rejects.toMatchObject({ code: 'EVIO_RELAY_REFUSED' });
    expect(relay.server.clients).toBe(0);
  });

  it('refuses a credential of another root, and names that are no label', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const foreign = new TestNetwork([relay.fact]).node(1);
    await expect(register(relay, { ...foreign, networkBytes: network.networkBytes })).rejects.toMatchObject({
      code: 'EVIO_RELAY_REFUSED',
    });
    await expect(register(relay, network.node(1, undefined, { name: 'a\u001b[2Jb' }))).rejects.toMatchObject({
      code: 'EVIO_RELAY_REFUSED',
      message: expect.stringContaining('name') as string,
    });
  });

  it('keeps an address for its holder, also while that is offline, until the holder moves', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const holder = network.node(7, undefined, { name: 'holder' });
    await register(relay, holder);
    const rival = network.node(7);
    await expect(register(relay, rival)).rejects.toMatchObject({
      code: 'EVIO_ADDRESS_TAKEN',
      message: expect.stringContaining('holder') as string,
    });
    await register(relay, network.node(8, undefined, { keys: holder.keys, signedAt: Date.now() + 1 }));
    expect((await register(relay, rival)).type).toBe('welcome');
  });

  it('tells a client with another key in mind that the key does not match', async () => {
    const relay = await kit.relay();
    const wrong = { address: relay.fact.address, key: generateKeys(systemRandom).publicKey };
    const node = new TestNetwork([wrong]).node(1);
    await expect(register({ ...relay, fact: wrong }, node)).rejects.toMatchObject({
      code: 'EVIO_RELAY_KEY_MISMATCH',
    });
    await until(() => relay.server.refused().get('wrong-key') === 1);
  });

  it('says unreachable when nobody, or something else, answers', async () => {
    const key = generateKeys(systemRandom).publicKey;
    const node = new TestNetwork([]).node(1);
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    kit.later(() => silent.close());
    const port = (silent.address() as { port: number }).port;
    for (const address of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
      const attempt = registerOnce({ ...node, relay: { address, key }, agent: 'x', timeoutMs: 300, env });
      await expect(attempt).rejects.toMatchObject({ code: 'EVIO_RELAY_UNREACHABLE', exitStatus: 4 });
      await expect(pinRelay(address, { timeoutMs: 300 })).rejects.toMatchObject({
        code: 'EVIO_RELAY_UNREACHABLE',
      });
    }
  });
});

describe('members', () => {
  it('learn of one another: whom they find, who comes, who goes', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const offline = network.node(1);
    await register(relay, offline);
    const a = await kit.client(network.node(2), relay.fact).up();
    expect(a.ups[0]?.welcome.members).toEqual([toBase64Url(offline.credential)]);
    expect(a.ups[0]?.welcome.online).toEqual([]);
    const b = await kit.client(network.node(3), relay.fact).up();
    expect(b.ups[0]?.welcome.online).toEqual([a.node.idText]);
    expect(b.ups[0]?.welcome.members).toHaveLength(2);
    await until(() => a.presence.length === 1);
    expect(a.members).toEqual([b.node.credential]);
    b.client.stop();
    await until(() => a.presence.length === 2);
    expect(a.presence).toEqual([
      { id: b.node.idText, online: true },
      { id: b.node.idText, online: false },
    ]);
  });

  it('are told of all others also when those do not fit into one welcome', async () => {
    const home = kit.home();
    const probe = await kit.relay({ home });
    const network = new TestNetwork([probe.fact]);
    await probe.server.stop();
    const nodes = Array.from({ length: 300 }, (_, i) => network.node(i + 10));
    const members = nodes.map((node) => ({ credential: toBase64Url(node.credential), lastSeen: Date.now() }));
    const state = { version: 1, networks: [{ id: network.id, members, invites: [] }] };
    writeFileSync(join(home, 'relay', 'state.json'), JSON.stringify(state));
    const relay = await kit.relay({ home, listen: probe.listen, limits: { introduceAll: 301 } });
    const client = await kit.client(network.node(1), relay.fact).up();
    const inWelcome = client.ups[0]?.welcome.members.length ?? 0;
    expect(inWelcome).toBeGreaterThan(50);
    await until(() => inWelcome + client.members.length === 300);
    const all = [...(client.ups[0]?.welcome.members ?? []), ...client.members.map(toBase64Url)];
    expect(new Set(all).size).toBe(300);
  });

  it('never hear of another network', async () => {
    const relay = await kit.relay();
    const one = new TestNetwork([relay.fact]);
    const two = new TestNetwork([relay.fact]);
    const a = await kit.client(one.node(1), relay.fact).up();
    const b = await kit.client(two.node(1), relay.fact).up();
    expect(b.ups[0]?.welcome.members).toEqual([]);
    a.client.sendData(b.node.id, Uint8Array.of(1, 0, 9));
    await until(() => relay.server.totals().drops['no-destination'] === 1);
    expect([a.members, a.presence, b.received]).toEqual([[], [], []]);
  });

  it('are one connection each: a second one takes over', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const node = network.node(1);
    const watcher = await kit.client(network.node(2), relay.fact).up();
    const first = await kit.client(node, relay.fact).up();
    const second = await kit.client(node, relay.fact).up();
    await until(() => first.downs.length === 1);
    expect(first.downs[0]?.reason.message).toContain('took over');
    expect(first.downs[0]?.retryInMs).toBeGreaterThan(10_000);
    expect(second.client.state).toBe('connected');
    await until(() => watcher.presence.length === 2);
    // For the others it was never away.
    expect(watcher.presence.map(({ online }) => online)).toEqual([true, true]);
    expect(relay.server.clients).toBe(2);
  });
});
