/** A router that opens ports when it is asked (miniupnpd, as many have it): what is behind a symmetric NAT is reached directly. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../src/core/control/schema.js';
import type { DoctorReport } from '../../src/core/doctor/check.js';
import type { NetcheckReport } from '../../src/core/doctor/netcheck.js';
import { findProgram, run, shell, sleep, LabProcess } from '../../src/lab/exec.js';
import { insideDevice, outsideDevice } from '../../src/lab/rules.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

/** The daemon works with an address that the internet has only, which that of documentation is not. No packet leaves the lab. */
const publicV4 = '11.22.33.44';

let net: TestNet;
let daemon: LabProcess | undefined;
afterEach(async () => {
  await daemon?.stop(1_000);
  await net?.destroy();
});

/** Of nft_init.sh, without its default of dropping what is forwarded. */
const tables = `nft -f - <<'EOF'
table inet upnp {
  chain forward { type filter hook forward priority -10; jump UPNP; }
  chain UPNP { }
  chain prerouting { type nat hook prerouting priority -110; jump UPNP_PRE; }
  chain postrouting { type nat hook postrouting priority 90; jump UPNP_POST; }
  chain UPNP_PRE { }
  chain UPNP_POST { }
}
EOF
`;

/** Starts the daemon in the site's router. */
async function openRouter(site: TestNode['site'], speaks: 'pcp' | 'upnp'): Promise<string> {
  const pcp = speaks === 'pcp';
  const ns = site.routers[0] as string;
  await shell(ns, tables);
  const config = join(net.rig.folder, 'miniupnpd.conf');
  writeFileSync(
    config,
    [
      `ext_ifname=${outsideDevice}`,
      `listening_ip=${insideDevice}`,
      `enable_natpmp=${pcp ? 'yes' : 'no'}`,
      `enable_upnp=${pcp ? 'no' : 'yes'}`,
      'uuid=428a723d-d202-4e0c-811b-64ec5baee76c',
      'upnp_table_name=upnp',
      'upnp_nat_table_name=upnp',
      'upnp_forward_chain=UPNP',
      'upnp_nat_chain=UPNP_PRE',
      'upnp_nat_postrouting_chain=UPNP_POST',
      'min_lifetime=120',
      'allow 1024-65535 192.168.0.0/16 1024-65535',
      'deny 0-65535 0.0.0.0/0 0-65535',
    ].join('\n') + '\n',
  );
  daemon = new LabProcess(['miniupnpd', '-d', '-f', config, '-P', join(net.rig.folder, 'miniupnpd.pid')], {
    ns,
  });
  await daemon.line(pcp ? /Listening for NAT-PMP/ : /HTTP listening on port/, 5_000);
  return ns;
}

const rulesOf = async (ns: string): Promise<string> =>
  (await run(['nft', 'list', 'chain', 'inet', 'upnp', 'UPNP_PRE'], { ns })).stdout;

/** The router starts again: mappings, translations and what they led to are forgotten. */
async function restartRouter(site: TestNode['site'], speaks: 'pcp' | 'upnp'): Promise<void> {
  await daemon?.stop(1_000);
  await shell(site.routers[0], 'nft delete table inet upnp');
  await site.flushNat();
  await openRouter(site, speaks);
}

async function until(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(200)) {
    if (await holds()) return true;
  }
  return false;
}

describe.runIf(findProgram('miniupnpd') !== undefined)('a router that opens ports', () => {
  it.each(['pcp', 'upnp'] as const)(
    'by %s makes two sites behind symmetric NATs direct, and gets the port back',
    async (speaks) => {
      net = await TestNet.create({ nat: 'address-and-port-dependent' });
      const a = net.nodes[0] as TestNode;
      const b = await net.place({ nat: 'address-and-port-dependent', v4: publicV4 });
      const ns = await openRouter(b.site, speaks);
      const { portMapping } = await b.node.json<NetcheckReport>(['netcheck', '--relay', net.rig.relayUrl]);
      expect(portMapping).toEqual({ kind: speaks, external: publicV4 });
      net.join(b);
      await b.node.up();
      await reaches(a, b, 10_000);
      await untilPath(a, b, 'direct', 15_000).catch(async (thrown: unknown) => {
        console.log(daemon?.tail(40), await rulesOf(ns));
        console.log((await b.node.cli(['status'])).stdout, b.node.process?.stderr.join('\n'));
        throw thrown;
      });
      expect(await rulesOf(ns)).toContain('dport');
      const { nat } = await b.node.json<StatusReport>(['status']);
      expect(nat.portMapping?.kind).toBe(speaks);
      expect(nat.portMapping?.external).toMatch(/^11\.22\.33\.44:\d+$/);
      if (speaks === 'upnp') {
        const { checks } = await b.node.json<DoctorReport>(['doctor', '--relay', net.rig.relayUrl]);
        expect(checks.find(({ id }) => id === 'router')?.detail).toContain('by upnp');
        // The relay has both families, the machine one: that is no limit.
        const byUdp = checks.filter(({ id }) => id.startsWith('udp:'));
        expect(byUdp.map(({ status }) => status)).toEqual(['pass', 'pass']);
        expect(byUdp.map(({ detail }) => detail).join()).toContain(
          'no answer by UDP over IPv6; IPv4 is used',
        );
      }
      // Somebody deletes it by hand: members that came by it do no more, so the router is asked, long before half of the lease.
      await shell(ns, 'nft flush chain inet upnp UPNP_PRE; nft flush chain inet upnp UPNP');
      await run(['conntrack', '-D', '-p', 'udp', '--dst', publicV4], { ns });
      expect(await until(async () => (await rulesOf(ns)).includes('dport'), 40_000)).toBe(true);
      await untilPath(a, b, 'direct', 40_000);
      await restartRouter(b.site, speaks);
      expect(await until(async () => (await rulesOf(ns)).includes('dport'), 40_000)).toBe(true);
      await b.node.stop();
      expect(await until(async () => !(await rulesOf(ns)).includes('dport'), 5_000)).toBe(true);
    },
  );
});
