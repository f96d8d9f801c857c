/** A real Chromium, spoken to by its DevTools protocol over a WebSocket: no package in between. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';

export const hasChromium = spawnSync('chromium', ['--version']).status === 0;

/** USER_HZ, the same on all Linux machines that this runs on. */
const ticksPerSecond = 100;

export class Chromium {
  readonly #process: ChildProcess;
  readonly #socket: WebSocket;
  readonly #folder: string;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
  readonly #session: string;
  /** Of each process of the browser what it was seen to have used. */
  readonly #ticks = new Map<number, number>();
  #id = 100;
  /** What the page complained of: errors, violations of its policy, failed requests. */
  readonly complaints: string[] = [];

  private constructor(running: ChildProcess, socket: WebSocket, folder: string, session: string) {
    this.#process = running;
    this.#socket = socket;
    this.#folder = folder;
    this.#session = session;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as {
        id?: number;
        result?: unknown;
        error?: { message: string };
        method?: string;
        params?: Record<string, unknown>;
      };
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      const { method, params } = message;
      if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') {
        const text = JSON.stringify(params);
        if (method !== 'Log.entryAdded' || /"level":"(error|warning)"/.test(text)) this.complaints.push(text);
      }
    });
  }

  static async open(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), 'evio-chromium-'));
    const running = spawn(
      'chromium',
      [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--remote-debugging-port=0',
        `--user-data-dir=${folder}`,
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      running.stderr?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /DevTools listening on (ws:\S+)/.exec(text);
        if (found) resolve(found[1] as string);
      });
      running.once('exit', () => {
        reject(new Error(`chromium ended: ${text.slice(-500)}`));
      });
    });
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const call = (id: number, method: string, params: object, sessionId?: string): Promise<unknown> =>
      new Promise((resolve) => {
        const heard = (data: Buffer): void => {
          const answer = JSON.parse(data.toString()) as { id?: number; result?: unknown };
          if (answer.id !== id) return;
          socket.off('message', heard);
          resolve(answer.result);
        };
        socket.on('message', heard);
        socket.send(JSON.stringify({ id, method, params, sessionId }));
      });
    const { targetId } = (await call(1, 'Target.createTarget', { url: 'about:blank' })) as {
      targetId: string;
    };
    const { sessionId } = (await call(2, 'Target.attachToTarget', { targetId, flatten: true })) as {
      sessionId: string;
    };
    const browser = new Chromium(running, socket, folder, sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Performance'])
      await browser.send(`${domain}.enable`);
    return browser;
  }

  send<T>(method: string, params: object = {}): Promise<T> {
    const id = this.#id++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as T);
      });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    });
  }

  async goto(url: string): Promise<void> {
    // A change of the fragment alone loads nothing.
    await this.send('Page.navigate', { url: 'about:blank' });
    await this.send('Page.navigate', { url });
  }

  /** The value of an expression, awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until the expression is true; returns the ms that took. */
  async until(expression: string, timeoutMs = 15_000): Promise<number> {
    const begun = performance.now();
    for (;;) {
      if (await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false))
        return performance.now() - begun;
      if (performance.now() - begun > timeoutMs) {
        const text = await this.evaluate<string>('document.body.innerText').catch(() => '');
        throw new Error(`never true: ${expression}\n${text.slice(0, 800)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async resize(width: number, height: number, dark = false): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    });
  }

  /** PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send<{ data: string }>('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async key(key: string, code = key): Promise<void> {
    const codes: Record<string, number> = { ArrowDown: 40, ArrowUp: 38, Escape: 27, Tab: 9, '/': 191 };
    const text = key.length === 1 ? { text: key } : {};
    const common = { key, code, windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0) };
    await this.send('Input.dispatchKeyEvent', {
      type: key.length === 1 ? 'keyDown' : 'rawKeyDown',
      ...common,
      ...text,
    });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...common });
  }

  /** Seconds of processor that all processes of the browser used: the page's, and those that draw and fetch for it. */
  processorTime(): number {
    const parents = new Map<number, number>();
    const ticks = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        // Behind the name, which may hold anything: state, parent …, user and system time (proc(5)).
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        parents.set(Number(name), Number(fields[1]));
        ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
      } catch {
        // It ended.
      }
    }
    for (const [pid, used] of ticks) {
      let at: number | undefined = pid;
      while (at !== undefined && at > 1 && at !== this.#process.pid) at = parents.get(at);
      if (at === this.#process.pid) this.#ticks.set(pid, used);
    }
    // What one used that ended, such as that of a page before, was used.
    return [...this.#ticks.values()].reduce((sum, used) => sum + used, 0) / ticksPerSecond;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    await this.send('Browser.close').catch(() => undefined);
    this.#socket.terminate();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
