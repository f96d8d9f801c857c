/** `evio sim --record` and `evio web --replay`: a simulated network in a real Chromium, from a file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Picture } from '../../src/web/model.js';
import { Chromium, hasChromium } from '../support/chromium.js';
import { binary, TestHome } from './support.js';

const home = new TestHome();
let web: ChildProcess | undefined;
let browser: Chromium | undefined;
afterAll(async () => {
  await browser?.close();
  if (web?.exitCode === null) {
    const ended = new Promise((resolve) => web?.once('close', resolve));
    web.kill('SIGTERM');
    await ended;
  }
  home.remove();
});

describe('a recording of a simulated network', () => {
  it.skipIf(!hasChromium)(
    'is shown with all its links, picture after picture, over and over',
    { timeout: 90_000 },
    async () => {
      const file = join(home.path, 'sim.jsonl');
      const made = await home.run([...['sim', '--nodes', '40', '--only', 'crash'], '--record', file]);
      expect(made.status, made.stderr).toBe(0);
      const pictures = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Picture);
      expect(pictures.length).toBeGreaterThan(2);
      const most = pictures.reduce((a, b) => (b.members.length > a.members.length ? b : a));
      expect(most.members.length).toBe(40);
      expect(most.links?.length).toBeGreaterThanOrEqual(40);

      web = spawn(process.execPath, [binary, 'web', '--replay', file, '--listen', '127.0.0.1:0', '--json'], {
        env: home.environment,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const line = await new Promise<string>((resolve) =>
        web?.stdout?.once('data', (chunk: Buffer) => {
          resolve(chunk.toString());
        }),
      );
      browser = await Chromium.open();
      await browser.goto((JSON.parse(line) as { url: string }).url);
      await browser.until(`document.querySelector('.facts')`);
      // What is drawn, by the numbers of members and of links.
      await browser.evaluate(`{
        window.seen = new Set();
        window.drawn = 0;
        const { clearRect, quadraticCurveTo } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.clearRect = function (...area) {
          seen.add(document.querySelector('.facts').innerText.match(/\\d+/)[0] + ' members, ' + drawn + ' links');
          drawn = 0;
          return clearRect.apply(this, area);
        };
        CanvasRenderingContext2D.prototype.quadraticCurveTo = function (...curve) {
          drawn++;
          return quadraticCurveTo.apply(this, curve);
        };
      }`);
      await browser.until(`[...seen].some((text) => text.endsWith(' ${most.links?.length} links'))`, 60_000);
      const header = await browser.evaluate<string>(`document.querySelector('.top').innerText`);
      expect(header).toContain('simulated');
      expect(await browser.evaluate<string>(`document.querySelector('canvas').ariaLabel`)).toMatch(
        /^Ring of \d+ members\.$/,
      );
      expect(browser.complaints).toEqual([]);
    },
  );

  it('is refused where it is none, with the line', async () => {
    const file = join(home.path, 'none.jsonl');
    writeFileSync(file, '{"kind":"picture"}\n');
    const { status, stderr } = await home.run(['web', '--replay', file]);
    expect(status).toBe(2);
    expect(stderr).toContain('Line 1 of');
  });
});
