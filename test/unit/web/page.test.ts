/** The page of `evio web` in a real Chromium: a network of a thousand members, who may ask, keys, screenshots. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asTyped } from '../../../src/cli/program-name.js';
import type { Picture } from '../../../src/web/model.js';
import { readPage } from '../../../src/web/page-files.js';
import { webServer } from '../../../src/web/server.js';
import { Chromium, hasChromium } from '../../support/chromium.js';
import { scriptedMember as member, ScriptedSource } from '../../support/scripted-source.js';

const token = 'abcdefghijklmnopqrstuvwxyz012345';
const source = new ScriptedSource();
/** How this program is called here. */
const npx = { name: 'npx evio', plain: 'npx evio', asRoot: 'sudo npx evio' };
const server = webServer({
  page: readPage(),
  source,
  token,
  host: '127.0.0.1',
  worded: (text) => asTyped(text, npx),
});
let port = 0;

function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
    });
    asked.on('error', reject).end();
  });
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

describe('the server of the web view', () => {
  const bearer = { authorization: `Bearer ${token}` };

  it('gives the page to everybody who names it rightly, with a strict policy', async () => {
    const { status, headers, body } = await get('/');
    expect(status).toBe(200);
    expect(body).toContain('<div id="view">');
    expect(body).not.toContain(token);
    expect(String(headers['content-security-policy'])).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(String(headers['content-security-policy'])).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('tells nothing without the token, to another host, or to another site', async () => {
    expect((await get('/api/networks', bearer)).status).toBe(200);
    expect((await get('/api/networks')).status).toBe(401);
    expect((await get('/api/networks', { authorization: `Bearer ${token}x` })).status).toBe(401);
    expect((await get('/api/networks', { authorization: token })).status).toBe(401);
    expect((await get('/api/networks', bearer, 'POST')).status).toBe(401);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example'])
      expect((await get('/api/networks', { ...bearer, host })).status, host).toBe(403);
    for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${port}`, 'http://127.0.0.1:1'])
      expect((await get('/api/networks', { ...bearer, origin })).status, origin).toBe(403);
    expect((await get('/api/networks', { ...bearer, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await get('/', { host: 'evil.example' })).status).toBe(403);
    for (const path of ['/api/why', '/api/stream', '/api/../api/networks', '/page.js/../api/networks'])
      expect((await get(path)).status, path).toBe(401);
    expect((await get('/../../etc/passwd', bearer)).status).toBe(404);
    expect((await get('/__proto__', bearer)).status).toBe(404);
  });

  it('advises with commands as they are typed here', async () => {
    const { body } = await get('/api/why?peer=someone', bearer);
    expect(body).toContain('See the others: npx evio peers');
  });

  it('is small', () => {
    const page = readPage();
    const packed = [page.html, page.script, page.style].map((text) => gzipSync(text, { level: 9 }).length);
    expect(packed.reduce((sum, n) => sum + n, 0)).toBeLessThan(100_000);
  });
});

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  let browser: Chromium;
  const shots = process.env['EVIO_SCREENSHOTS'];

  beforeAll(async () => {
    browser = await Chromium.open();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
  });

  const open = async (): Promise<void> => {
    await browser.goto(`http://127.0.0.1:${port}/#${token}`);
    await browser.until(`document.querySelector('tbody tr:not(.gap)')`);
  };
  const rows = (): Promise<string> => browser.evaluate(`document.querySelector('tbody').innerText`);
  const search = (text: string): Promise<unknown> =>
    browser.evaluate(
      `{ const box = document.querySelector('input[type=search]'); box.value = ${JSON.stringify(text)}; box.dispatchEvent(new Event('input', { bubbles: true })); }`,
    );

  it('is up soon for a thousand members, and every one can be found', async () => {
    source.members = Array.from({ length: 1_000 }, (_, i) => member(i));
    await browser.resize(1_024, 900);
    await open();
    // Navigation start to the first row, by the page's own clock; the machine of the test is shared.
    const ms = await browser.evaluate<number>('performance.now()');
    expect(ms).toBeLessThan(5_000);
    const drawn = await browser.evaluate<number>(`document.querySelectorAll('tbody tr:not(.gap)').length`);
    expect(drawn).toBeLessThan(80);
    for (const wanted of ['node-0', 'node-517', 'node-999', '10.144.3.231', member(333).id]) {
      await search(wanted);
      await browser.until(
        `document.querySelector('tbody tr:not(.gap)')?.innerText.includes(${JSON.stringify(wanted.startsWith('node') ? wanted : wanted.startsWith('10') ? 'node-999' : 'node-333')})`,
      );
    }
    await search('no such member');
    await browser.until(`document.querySelectorAll('tbody tr:not(.gap)').length === 0`);
    await search('');
    await browser.evaluate(
      `{ const box = document.querySelector('.scroll'); box.scrollTop = box.scrollHeight; }`,
    );
    await browser.until(`document.querySelector('tbody').innerText.includes('node-999')`);
  });

  it('draws sixty frames a second of a thousand members while they are pointed at', async () => {
    // Processor time of the page's thread, which other programs do not take; a frame of 60 a second has 16.7 ms.
    await browser.send('Performance.disable');
    await browser.send('Performance.enable', { timeDomain: 'threadTicks' });
    const spentMs = async (): Promise<number> => {
      type Answer = { metrics: { name: string; value: number }[] };
      const { metrics } = await browser.send<Answer>('Performance.getMetrics');
      return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN) * 1_000;
    };
    const before = await spentMs();
    const frames = 90;
    // Around the ring, so that another member is pointed at each time.
    const { strokes, ms } = await browser.evaluate<Record<'strokes' | 'ms', number>>(`(async () => {
      const canvas = document.querySelector('canvas');
      const { x, y, width } = canvas.getBoundingClientRect();
      let strokes = 0;
      const { clearRect } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.clearRect = function (...area) {
        strokes++;
        return clearRect.apply(this, area);
      };
      const r = width / 2 - Math.min(72, width * 0.16);
      const begun = performance.now();
      for (let i = 0; i < ${frames}; i++) {
        const [clientX, clientY] = [x + width / 2 + r * Math.cos(i / 14), y + width / 2 + r * Math.sin(i / 14)];
        canvas.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX, clientY }));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      CanvasRenderingContext2D.prototype.clearRect = clearRect;
      return { strokes, ms: (performance.now() - begun) / ${frames} };
    })()`);
    const spent = ((await spentMs()) - before) / frames;
    console.log(
      `web view, 1,000 members: ${(1_000 / ms).toFixed(0)} frames/s, ${spent.toFixed(1)} ms for each`,
    );
    expect(strokes).toBeGreaterThan(frames / 2);
    expect(spent).toBeLessThan(16.7);
  });

  it('shows a member: what is known, and why its packets go where they go; walked by keys', async () => {
    await search('node-42');
    await browser.until(`document.querySelector('tbody tr:not(.gap)')?.innerText.includes('node-42')`);
    await browser.evaluate(`document.querySelector('.scroll').focus()`);
    await browser.key('ArrowDown');
    await browser.until(`document.querySelector('.details')?.innerText.includes('It could not be better.')`);
    expect(await browser.evaluate(`document.querySelector('.details h2').innerText`)).toBe('node-42');
    expect(source.asked.at(-1)).toBe(member(42).id);
    await browser.key('ArrowDown');
    await browser.until(`document.querySelector('.details h2')?.innerText === 'node-420'`);
    // What a screen reader is told: names of what can be reached, and who was chosen.
    const { nodes } = await browser.send<{
      nodes: { role?: { value: string }; name?: { value: string }; ignored: boolean }[];
    }>('Accessibility.getFullAXTree');
    const heard = nodes
      .filter(({ ignored }) => !ignored)
      .map(({ role, name }) => `${role?.value}: ${name?.value}`);
    for (const wanted of [
      'searchbox: Search members',
      'group: Members; arrow keys choose one',
      'image: Ring of 1001 members: 834 are connected with anna. The table has the same.',
      'status: Chosen member',
      'StaticText: node-420, direct, 64 ms',
      'button: Close',
      'region: Member node-420',
    ])
      expect(heard, heard.filter((text) => text.startsWith(wanted.split(':')[0] ?? '')).join('\n')).toContain(
        wanted,
      );
    await browser.key('Escape');
    await browser.until(`!document.querySelector('.details')`);
    await browser.key('/', 'Slash');
    expect(await browser.evaluate(`document.activeElement.type`)).toBe('search');
    await search('');
  });

  it('shows the links that a member tells of, who refuses, and a decision log of it', async () => {
    const [one, two, three] = [member(1), member(2), member(3)] as const;
    const link = { path: 'relay', link: 'long', rttMs: 12.3, rate: 250_000 };
    source.told = [
      {
        by: one.id,
        refused: false,
        of: 41,
        links: [
          { ...link, to: two.id },
          { ...link, to: 'e'.repeat(32), rate: 0 },
        ],
      },
      { by: three.id, refused: true, of: 0, links: [] },
    ];
    source.tell(source.picture());
    const choose = async (name: string): Promise<void> => {
      await search(name);
      await browser.until(`document.querySelector('tbody tr:not(.gap)')?.innerText.startsWith('${name}')`);
      await browser.evaluate(`document.querySelector('tbody tr:not(.gap)').click()`);
      await browser.until(`document.querySelector('.details h2')?.innerText === '${name}'`);
    };
    await choose('node-1');
    await browser.until(`document.querySelector('.told')`);
    const told = await browser.evaluate<string>(`document.querySelector('.told').innerText`);
    expect(told).toContain('Its 41 links, as it says; the first 2');
    expect(told).toMatch(/node-2 relay, long, 12 ms, 2.00 Mbit\/s/);
    expect(told).toContain('eeeeeeee');
    await browser.evaluate(`document.querySelector('.told [aria-expanded]').click()`);
    await browser.until(`document.querySelector('.told .log')?.innerText.includes('chosen')`);
    // The page asked for our decisions about node-1, too, and that question may come later.
    expect(source.asked).toContain(`${one.id} about ${two.id}`);
    await choose('node-3');
    await browser.until(`document.querySelector('.details').innerText.includes('does not show its links')`);
    await choose('node-5');
    await browser.until(`document.querySelector('.details').innerText.includes('has not said')`);
    await browser.key('Escape');
    await search('');
  });

  it('shows names as text, whatever is in them', async () => {
    expect(await browser.evaluate(`document.querySelector('header strong').innerText`)).toBe('home <b>');
    expect(await browser.evaluate(`document.querySelector('header b')`)).toBeNull();
  });

  it('shows within two seconds that a member is gone, and that the node is', async () => {
    await search('node-12');
    source.members = source.members.map((m) =>
      m.name === 'node-12' ? { ...m, path: null, state: 'offline', seenAt: Date.now() - 1_000 } : m,
    );
    source.tell({ kind: 'event', at: Date.now(), text: 'node-12 is gone' });
    source.tell(source.picture());
    const ms = await browser.until(
      `[...document.querySelectorAll('tbody tr:not(.gap)')].some((row) => row.innerText.includes('node-12') && row.innerText.includes('offline'))`,
    );
    expect(ms).toBeLessThan(2_000);
    expect(await browser.evaluate(`document.querySelector('[aria-label=Events]').innerText`)).toContain(
      'node-12 is gone',
    );
    source.tell({ kind: 'gone', reason: 'the node ended' });
    await browser.until(`document.querySelector('[role=status]').innerText.includes('old: the node ended')`);
    expect(await rows()).toContain('node-12');
    source.tell(source.picture());
    await browser.until(`document.querySelector('[role=status]').innerText === 'live'`);
    await search('');
  });

  it('costs next to nothing while little happens', async () => {
    // A network at rest: a heartbeat here and there, a round trip measured anew.
    const still = (): Picture => ({ ...source.picture(), members: source.members, self: quiet });
    const quiet = source.picture().self;
    let beats = 0;
    const beat = (): void => {
      source.members = source.members.map((m, i) =>
        i % 500 === beats % 500 ? { ...m, rxBytes: m.rxBytes + 60, rttMs: 5 + (beats % 9) } : m,
      );
      beats++;
    };
    const cost = async (picture: () => Picture): Promise<{ browser: number; server: number }> => {
      source.tell(picture());
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const before = browser.processorTime();
      const own = process.cpuUsage();
      for (let i = 0; i < 4; i++) {
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        beat();
        source.tell(picture());
      }
      const { user, system } = process.cpuUsage(own);
      return { browser: (browser.processorTime() - before) / 8, server: (user + system) / 8e6 };
    };
    /** What Chromium takes with nothing to show: headless it draws by the processor, and other programs slow it. */
    const nothing = async (): Promise<number> => {
      await browser.goto('about:blank');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const before = browser.processorTime();
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      return (browser.processorTime() - before) / 4;
    };
    const blank = await nothing();
    await open();
    const busy = await cost(() => source.picture());
    const idle = await cost(still);
    const percent = (share: number): string => (share * 100).toFixed(2);
    console.log(
      `web view, 1,000 members, all processes of the browser: ${percent(blank)} % of a core for an empty page; with ours ${percent(idle.browser)} % at rest (server ${percent(idle.server)} %), ${percent(busy.browser)} % with all counters moving (server ${percent(busy.server)} %)`,
    );
    expect(idle.browser - blank).toBeLessThan(0.1);
  }, 60_000);

  it('draws nothing, and changes nothing in the page, while nothing happens', async () => {
    const quiet = source.picture();
    const heard = async (text: string, at: number): Promise<void> => {
      source.tell({ kind: 'event', at, text });
      await browser.until(
        `document.querySelector('[aria-label=Events]').innerText.includes(${JSON.stringify(text)})`,
      );
    };
    // The chart rests once nothing passed twice, and each of these was drawn.
    for (const s of [0, 2, 4, 6]) {
      source.tell({ ...quiet, at: quiet.at + s * 1_000 });
      await heard(`at rest for ${s} s`, quiet.at + s * 1_000);
    }
    await browser.evaluate(`(async () => {
      // Until what the last picture brought is drawn.
      for (let i = 0; i < 10; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
      window.seen = { changes: 0, strokes: 0 };
      new MutationObserver((records) => (seen.changes += records.length)).observe(document, {
        subtree: true, childList: true, attributes: true, characterData: true,
      });
      const { clearRect } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.clearRect = function (...area) {
        seen.strokes++;
        return clearRect.apply(this, area);
      };
    })()`);
    // Eight seconds of pictures, in which nothing differs but the time.
    for (let i = 4; i <= 7; i++) source.tell({ ...quiet, at: quiet.at + 2_000 * i });
    await heard('the rest ends', quiet.at + 15_000);
    const { changes, strokes } = await browser.evaluate<Record<string, number>>('window.seen');
    expect(strokes).toBe(0);
    // The event's own line, and nothing else.
    expect(changes).toBeLessThanOrEqual(3);
    source.tell({ ...quiet, at: quiet.at + 16_000, members: source.members.slice(1) });
    await browser.until('window.seen.strokes > 0');
  });

  it('refuses the page that has no token', async () => {
    await browser.goto(`http://127.0.0.1:${port}/`);
    await browser.until(`document.body.innerText.includes('open the address that "evio web" printed')`);
    expect(browser.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  it('fits screens of 390, 1024 and 1920 pixels, light and dark, without a violation of its policy', async () => {
    source.name = 'home';
    source.members = Array.from({ length: 18 }, (_, i) => member(i + 1));
    for (const [width, height, dark] of [
      [390, 844, false],
      [1_024, 768, false],
      [1_920, 1_080, true],
    ] as const) {
      await browser.resize(width, height, dark);
      await open();
      for (let i = 0; i < 8; i++) {
        source.tell({ ...source.picture(), at: Date.now() + (i + 1) * 2_000 });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await browser.until(`document.querySelector('.chart canvas')`);
      const wide = await browser.evaluate<number>('document.documentElement.scrollWidth');
      expect(wide, `${width}`).toBeLessThanOrEqual(width);
      const image = await browser.screenshot();
      expect(image.length).toBeGreaterThan(10_000);
      if (shots) {
        mkdirSync(shots, { recursive: true });
        writeFileSync(`${shots}/web-${width}${dark ? '-dark' : ''}.png`, image);
      }
    }
    expect(browser.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  }, 60_000);
});
