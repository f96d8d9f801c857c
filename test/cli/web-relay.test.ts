/** `evio web --relay` at a relay that runs: what it tells of a network, in the stream and in a real Chromium. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseRelayUrl, relayFactOf } from '../../src/core/relays/net/relay-url.js';
import type { RelayFact } from '../../src/core/identity/network.js';
import type { WebMessage } from '../../src/web/model.js';
import { Chromium, hasChromium } from '../support/chromium.js';
import { Kit, TestNetwork, UdpPeer, until, type TestClient } from '../unit/rendezvous/relay-kit.js';
import { TestHome, binary } from './support.js';

const kit = new Kit();
const home = new TestHome();
const running: ChildProcess[] = [];

/** Starts a command that goes on, and resolves to its first line. */
function start<T>(...args: string[]): Promise<T> {
  const child = spawn(process.execPath, [binary, ...args, '--json'], {
    env: { ...home.environment, EVIO_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as T);
    });
    child.once('close', () => {
      reject(new Error(`evio ${args.join(' ')} ended: ${text}`));
    });
  });
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}

/** Hears the pictures of a web view, from the second on; `until` resolves to the number of that in which the member is gone. */
async function follow(address: string): Promise<{ until: (id: string) => Promise<number> }> {
  const { origin, hash } = new URL(address);
  const headers = { authorization: `Bearer ${hash.slice(1)}` };
  const { body } = await fetch(`${origin}/api/stream`, { headers });
  const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const next = async (): Promise<WebMessage> => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return JSON.parse(line) as WebMessage;
      }
      const { value, done } = await reader.read();
      if (done) throw new Error('the stream ended');
      text += value;
    }
  };
  while ((await next()).kind !== 'picture');
  return {
    until: async (id) => {
      for (let pictures = 0; ;) {
        const message = await next();
        if (message.kind !== 'picture' && message.kind !== 'change') continue;
        pictures++;
        if (message.members?.some((member) => member.id === id && member.state === 'offline')) {
          await reader.cancel();
          return pictures;
        }
      }
    },
  };
}

let fact: RelayFact;
let url = '';
const clients: TestClient[] = [];

beforeAll(async () => {
  const refused = await home.run(['web', '--relay', '--json']);
  expect([refused.status, refused.error().code]).toEqual([3, 'EVIO_NOT_RUNNING']);
  const relay = await start<{ url: string }>('relay', '--listen', '127.0.0.1:0', '--open');
  const nobody = await home.run(['web', '--relay', '--json']);
  expect(nobody.error().code).toBe('EVIO_NO_NETWORK');
  fact = relayFactOf(parseRelayUrl(relay.url)) as RelayFact;
  const network = new TestNetwork([fact]);
  for (let host = 1; host <= 9; host++) clients.push(await kit.client(network.node(host), fact).up());
  url = (await start<{ url: string }>('web', '--relay', '--listen', '127.0.0.1:0')).url;
}, 60_000);
afterAll(async () => {
  for (const child of running.reverse()) await end(child);
  await kit.clean();
  home.remove();
}, 30_000);

describe.skipIf(!hasChromium)('the web view of a relay', () => {
  let browser: Chromium | undefined;
  afterEach(async () => {
    await browser?.close();
    browser = undefined;
  });

  it('shows who is on it, by what, and what passes for whom; who goes is shown as gone', async () => {
    const [one, two] = clients as [TestClient, TestClient];
    const peers = await Promise.all(
      clients.slice(0, 6).map(async (client) => (await UdpPeer.open(kit, client.session)).bind()),
    );
    const timer = setInterval(() => {
      for (let i = 0; i < 10; i++) peers[0]?.sendTo(two.node.id, new Uint8Array(1_200));
      for (let i = 0; i < 3; i++) peers[3]?.sendTo((clients[6] as TestClient).node.id, new Uint8Array(900));
    }, 100);
    kit.later(() => {
      clearInterval(timer);
    });
    browser = await Chromium.open();
    const shown = browser;
    const row = (name: string): string =>
      `[...document.querySelectorAll('tbody tr:not(.gap)')].find((row) => row.innerText.startsWith('${name}'))?.innerText ?? ''`;
    for (const [width, height, dark] of [
      [390, 844, false],
      [1_024, 768, true],
      [1_920, 1_080, false],
    ] as const) {
      await shown.resize(width, height, dark);
      await shown.goto(url);
      await shown.until(`(${row('node-1')}).includes('udp')`);
      await shown.until(`(${row('node-8')}).includes('websocket')`);
      expect(await shown.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      if (width > 900) {
        // What was sent since the picture before.
        await shown.until(`/127\\.0\\.0\\.1\\s+[\\d.]+ [kM]bit\\/s/.test(${row('node-1')})`);
        await shown.until(`document.querySelector('.chart canvas')`);
      }
      const shots = process.env['EVIO_SCREENSHOTS'];
      if (shots) {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        mkdirSync(shots, { recursive: true });
        writeFileSync(`${shots}/web-relay-${width}.png`, await shown.screenshot());
      }
    }
    const facts = await shown.evaluate<string>(`document.querySelector('.facts').innerText`);
    expect(facts.replace(/\s+/g, ' ')).toMatch(/Members 9 Here now 9 By UDP 6 By WebSocket 3/);

    await shown.evaluate(
      `[...document.querySelectorAll('tbody tr')].find((row) => row.innerText.startsWith('node-1')).click()`,
    );
    await shown.until(`document.querySelector('.details')?.innerText.includes('Certificate until')`);
    await shown.evaluate(`document.querySelector('.details button').click()`);

    clearInterval(timer);
    // The relay is asked each second: of the pictures that begin after a member went, the first shows it.
    const before = await follow(url);
    const wentAt = performance.now();
    one.client.stop();
    await shown.until(`(${row('node-1')}).includes('offline')`, 30_000);
    const ms = Math.round(performance.now() - wentAt);
    const pictures = await before.until(one.node.idText);
    console.log(`web view of a relay: a member's going was seen after ${ms} ms, in picture ${pictures}`);
    // One more may be under way at that moment, and one be begun before the relay hears of it.
    expect(pictures).toBeLessThanOrEqual(3);
    expect(shown.complaints).toEqual([]);
  }, 90_000);

  it('says that the relay is gone, and goes on when it is back', async () => {
    browser = await Chromium.open();
    await browser.goto(url);
    await browser.until(`document.querySelector('[role=status]')?.innerText === 'live'`);
    await end(running[0]);
    await browser.until(`document.querySelector('[role=status]').innerText.includes('No relay runs')`);
    await start('relay', '--listen', fact.address, '--open');
    await browser.until(`document.querySelector('[role=status]').innerText === 'live'`);
    await until(() => clients.slice(1).every((client) => client.ups.length > 1));
    await browser.until(
      `document.querySelector('.facts').innerText.replace(/\\s+/g, ' ').includes('Here now 8')`,
    );
  }, 90_000);
});
