import { describe, expect, it } from 'vitest';
import { RouterPort } from '../../../src/core/surroundings/router-port.js';
import type { WayOut } from '../../../src/core/surroundings/ways-out.js';
import type { IgdAction, IgdRequest } from '../../../src/core/wire/igd.js';
import { description, fault, outcome, searchAnswer } from '../../support/igd.js';

const gateway = '192.168.1.1';
const way: WayOut = { device: 2, name: 'eth0', gateway, source: '192.168.1.7', pinned: false };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A router that speaks UPnP only, and answers at once. */
class Router {
  readonly asked: string[] = [];
  readonly open = new Map<number, number>();
  readonly told: [unknown, string][] = [];
  host = '203.0.113.9';
  control = '/ctl';
  present = true;
  refuses: (port: number, lease: number) => number = () => 0;
  searches = 0;
  now = 0;
  closed = false;
  readonly port = new RouterPort({
    random: { fill: (all) => all.fill(7), unit: () => 0.5 },
    secret: new Uint8Array(32),
    open: () => undefined,
    send: () => this.asked.push('pcp'),
    search: () => this.searches++,
    request: (request) => this.requests.push(request),
    close: () => {
      this.closed = true;
      return Promise.resolve();
    },
    changed: (endpoint, how) => this.told.push([endpoint, how]),
  });
  readonly requests: IgdRequest[] = [];

  /** Lets time pass in steps of 50 ms. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 50) {
      const before = this.searches;
      this.port.tick(this.now);
      if (this.searches > before && this.present)
        this.port.receive(this.now, {
          kind: 'device',
          bytes: bytes(searchAnswer(`http://${gateway}:5000/desc.xml`)),
        });
      for (let request; (request = this.requests.shift());) {
        const text = this.present ? this.#answer(request) : undefined;
        this.port.receive(this.now, {
          kind: 'http',
          answer: text === undefined ? undefined : { status: 200, body: bytes(text) },
        });
      }
    }
  }

  #answer({ path, order }: IgdRequest): string | undefined {
    if (!order) {
      this.asked.push(path);
      return description(['WANIPConnection:1', this.control]);
    }
    if (path !== this.control) return undefined;
    const action = /#(\w+)"$/.exec(order.action)?.[1] as IgdAction;
    const value = (name: string): number => Number(new RegExp(`<${name}>(\\d+)<`).exec(order.body)?.[1]);
    const [external, lease] = [value('NewExternalPort'), value('NewLeaseDuration')];
    this.asked.push(action);
    if (action === 'GetExternalIPAddress') return outcome(action, this.host);
    if (action === 'AddPortMapping') {
      const code = this.refuses(external, lease);
      if (code > 0) return fault(code);
      this.open.set(external, lease);
    } else this.open.delete(external);
    return outcome(action);
  }
}

describe('a port of a router that knows UPnP only', () => {
  it('is asked for when it is silent otherwise, renewed at half of its lease, and given back', async () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.pass(700);
    expect(router.searches).toBe(0);
    router.pass(150);
    expect(router.port.endpoint).toEqual({ host: '203.0.113.9', port: 4_242 });
    expect(router.port.protocol).toBe('upnp');
    expect([...router.open]).toEqual([[4_242, 300]]);
    expect(router.asked.filter((what) => what !== 'pcp')).toEqual([
      '/desc.xml',
      'GetExternalIPAddress',
      'AddPortMapping',
    ]);
    router.asked.length = 0;
    router.pass(152_000);
    expect(router.asked.filter((what) => what !== 'pcp')).toEqual(['GetExternalIPAddress', 'AddPortMapping']);
    const left = router.port.stop();
    expect(router.requests.map(({ order }) => order?.action)).toEqual([
      '"urn:schemas-upnp-org:service:WANIPConnection:1#DeletePortMapping"',
    ]);
    expect([router.closed, router.port.endpoint, router.port.dueAt]).toEqual([true, undefined, Infinity]);
    await left;
  });

  it('is another one where a machine has it already, and none where all are taken', () => {
    const router = new Router();
    router.refuses = (port) => (port === 4_242 ? 718 : 0);
    router.port.moved(0, way, 4_242);
    router.pass(2_000);
    expect(router.port.endpoint?.port).toBe(33_280);
    const full = new Router();
    full.refuses = () => 718;
    full.port.moved(0, way, 4_242);
    full.pass(10_000);
    expect(full.port.endpoint).toBeUndefined();
    expect(full.asked.filter((what) => what === 'AddPortMapping')).toHaveLength(4);
    void full.port.stop();
    expect(full.requests).toEqual([]);
  });

  it('stays for ever where the router knows no leases, and is looked after and given back', () => {
    const router = new Router();
    router.refuses = (_, lease) => (lease > 0 ? 725 : 0);
    router.port.moved(0, way, 4_242);
    router.pass(2_000);
    expect([...router.open]).toEqual([[4_242, 0]]);
    router.open.clear();
    router.pass(152_000);
    expect([...router.open]).toEqual([[4_242, 0]]);
    void router.port.stop();
    expect(router.requests).toHaveLength(1);
  });

  it.each(['10.0.0.1', '100.64.3.4', '192.168.0.2', '0.0.0.0', '127.0.0.1', '169.254.1.1', '239.1.1.1', 'x'])(
    'is of no use where the router has %s outside',
    (host) => {
      const router = new Router();
      router.host = host;
      router.port.moved(0, way, 4_242);
      router.pass(20_000);
      expect([router.port.endpoint, router.open.size, router.told]).toEqual([undefined, 0, []]);
    },
  );

  it('is told of anew when the router gets another address, and gone when it answers no more', () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.pass(2_000);
    router.host = '203.0.113.10';
    router.pass(152_000);
    expect(router.port.endpoint?.host).toBe('203.0.113.10');
    router.present = false;
    router.pass(302_000);
    expect(router.told.map(([endpoint, how]) => [endpoint !== undefined, how])).toEqual([
      [true, 'upnp'],
      [true, 'upnp'],
      [false, 'not renewed'],
    ]);
    // Less and less often from then on, and at last each quarter of an hour.
    let before = router.searches;
    router.pass(1_800_000);
    expect(router.searches - before).toBeLessThanOrEqual(48);
    before = router.searches;
    router.pass(3_600_000);
    expect(router.searches - before).toBeLessThanOrEqual(48);
    router.present = true;
    router.pass(1_800_000);
    expect(router.port.endpoint).toBeDefined();
  });

  it('is there again soon after a router that began anew: where the outside sees us elsewhere, and after minutes of silence', () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.port.doubt(0);
    router.pass(20_000);
    router.open.clear();
    router.port.doubt(router.now);
    router.pass(1_500);
    expect([...router.open]).toEqual([[4_242, 300]]);
    expect(router.told).toHaveLength(1);
    router.open.clear();
    router.present = false;
    router.pass(330_000);
    expect(router.port.endpoint).toBeUndefined();
    router.present = true;
    router.pass(130_000);
    expect([...router.open]).toEqual([[4_242, 300]]);
  });

  it('is there again where it was deleted by hand, once a peer does not come by it; one that was refused is not asked for', () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.pass(40_000);
    router.open.clear();
    router.port.missed(router.now);
    router.pass(1_500);
    expect([...router.open]).toEqual([[4_242, 300]]);
    router.refuses = () => 606;
    router.pass(155_000);
    expect(router.port.endpoint).toBeUndefined();
    const { length } = router.asked;
    router.port.missed(router.now);
    router.pass(200);
    expect(router.asked).toHaveLength(length);
  });

  it('is found again where the router moved its service', () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.pass(2_000);
    router.control = '/other';
    router.open.clear();
    router.pass(152_000);
    expect([...router.open]).toEqual([[4_242, 300]]);
    expect(router.told).toHaveLength(1);
  });

  it('is given back, and not asked for, once the router speaks PCP or NAT-PMP', () => {
    const router = new Router();
    router.port.moved(0, way, 4_242);
    router.pass(2_000);
    expect(router.open.size).toBe(1);
    router.port.receive(router.now, {
      kind: 'mapping',
      bytes: Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 9),
    });
    router.pass(100);
    expect([router.open.size, router.port.endpoint]).toEqual([0, undefined]);
    const polite = new Router();
    polite.port.moved(0, way, 4_242);
    polite.port.receive(0, { kind: 'mapping', bytes: Uint8Array.of(0, 128, 0, 3, 0, 0, 0, 0) });
    polite.pass(20_000);
    expect(polite.searches).toBe(0);
  });
});
