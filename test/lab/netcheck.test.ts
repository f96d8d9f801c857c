/** `evio netcheck` behind routers of several kinds: what they do is found, and named by RFC 4787. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetcheckReport } from '../../src/core/doctor/netcheck.js';
import { Rig, relayName } from '../../src/lab/rig.js';
import type { SiteOptions } from '../../src/lab/site.js';

describe('netcheck', () => {
  let rig: Rig;
  let url: string;
  beforeAll(async () => {
    rig = await Rig.create();
    url = await rig.startRelay();
  });
  afterAll(async () => {
    await rig.destroy();
  });

  /** On a machine of such a site, with no network joined and as nobody in particular. */
  async function check(name: string, options: SiteOptions, mtu?: number): Promise<NetcheckReport> {
    const { host } = await rig.lab.site(name, options);
    if (mtu !== undefined) await host.run(['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)]);
    return rig.node(host, name).json<NetcheckReport>(['netcheck', '--relay', url]);
  }

  it('tells what each kind of router does', async () => {
    const [easy, strays, hairpin, hard, blocked, open] = await Promise.all([
      check('easy', { nat: 'endpoint-independent' }, 1400),
      check('strays', { nat: 'endpoint-independent-open' }),
      check('hairpin', { nat: 'endpoint-independent', hairpin: true }),
      check('hard', { nat: 'address-and-port-dependent' }),
      check('blocked', { nat: 'udp-blocked' }),
      check('open', { nat: 'public', v6: false }),
    ]);
    expect(easy.nat).toMatchObject({
      mapping: 'endpoint-independent',
      filtering: 'address-and-port-dependent',
      hairpin: false,
    });
    expect(easy).toMatchObject({ udp: true, mtu: 1400, portMapping: { kind: 'none', external: null } });
    // What it did not let in, and took as its own, changes no port of what is asked next.
    expect(strays.nat).toMatchObject({
      mapping: 'endpoint-independent',
      filtering: 'address-and-port-dependent',
    });
    expect(easy.relays).toHaveLength(1);
    expect(easy.relays[0]?.url).toContain(relayName);
    expect(easy.relays[0]?.rttMs).toBeGreaterThan(0);
    expect(easy.nat.addresses).toEqual([easy.relays[0]?.observed]);
    expect(hairpin.nat).toMatchObject({ mapping: 'endpoint-independent', hairpin: true });
    expect(hairpin.mtu).toBe(1500);
    expect(hard.nat).toMatchObject({
      mapping: 'address-and-port-dependent',
      filtering: 'address-and-port-dependent',
    });
    expect(blocked).toMatchObject({
      udp: false,
      mtu: null,
      nat: { mapping: 'unknown', filtering: 'unknown' },
    });
    expect(blocked.relays[0]?.rttMs).toBeNull();
    expect(blocked.relays[0]?.tcpMs).toBeGreaterThan(0);
    expect(open.nat).toMatchObject({
      mapping: 'none',
      filtering: 'endpoint-independent-or-address-dependent',
      hairpin: null,
    });
  });

  it('sees that something else answers in the place of a relay, and that a proxy is set', async () => {
    const { host } = await rig.lab.site('portal', { nat: 'public', v6: false });
    const portal = host.launch([
      process.execPath,
      '-e',
      `require('node:http').createServer((_, a) => a.end('<html>Please log in</html>')).listen(8080, () => console.log('up'))`,
    ]);
    await portal.line(/up/, 10_000);
    const node = rig.node(host, 'portal');
    node.environment = { https_proxy: 'http://proxy.example:3128' };
    const report = await node.json<NetcheckReport>(['netcheck', '--relay', '127.0.0.1:8080']);
    await portal.stop(1_000);
    expect(report.proxy).toEqual({ variables: ['https_proxy'], foreign: ['127.0.0.1:8080'] });
    expect(report.udp).toBe(false);
  });
});
