/** What is wrong is named, with a step that a beginner can take, and nothing is blamed that works. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../src/core/doctor/check.js';
import type { NetcheckReport } from '../../src/core/doctor/netcheck.js';
import { LabProcess, shell } from '../../src/lab/exec.js';
import { relayName } from '../../src/lab/rig.js';
import { clockOf, hasFakeTime } from '../support/fake-time.js';
import { TestNet, untilPath, type TestNode } from './support.js';

interface Why {
  readonly machine: string | null;
  readonly advice: readonly string[];
}

/** Sends everybody to a login, as routers of hotels do. */
const portalProgram = (folder: string): string => `
  const { readFileSync } = require('node:fs');
  const login = (request, answer) => {
    answer.writeHead(302, { location: 'http://portal.hotel.example/login' });
    answer.end('<html>Please log in</html>');
  };
  const tls = { key: readFileSync('${folder}/key.pem'), cert: readFileSync('${folder}/cert.pem') };
  require('node:http').createServer(login).listen(80);
  require('node:https').createServer(tls, login).listen(443, () => console.log('up'));`;

describe('says why', () => {
  let net: TestNet;
  let first: TestNode;
  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    first = net.nodes[0] as TestNode;
  });
  afterAll(() => net.destroy());

  const why = (from: TestNode, peer: string): Promise<Why> => from.node.json<Why>(['why', peer]);
  const told = async (from: TestNode, args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await from.node.cli(args, { allowFailure: true });
    return stdout + stderr;
  };
  /** It ends with 1 where it finds what keeps evio from working. */
  const doctor = async (of: TestNode, args: readonly string[] = []): Promise<DoctorReport> =>
    JSON.parse(await told(of, ['doctor', ...args, '--json'])) as DoctorReport;
  const lineOf = ({ checks }: DoctorReport, id: string): string => {
    const found = checks.find((check) => check.id.startsWith(id));
    return found ? `${found.status} ${found.detail} -> ${found.fix}` : 'none';
  };

  it('of the login page of a guest network, and of nothing after the login', async () => {
    const guest = await net.place({ nat: 'endpoint-independent' }, 'guest');
    const router = guest.site.routers[0] as string;
    const folder = mkdtempSync(join(net.rig.folder, 'portal-'));
    await shell(
      router,
      [
        'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=portal.hotel.example',
        `-keyout ${folder}/key.pem -out ${folder}/cert.pem 2>/dev/null`,
      ].join(' '),
    );
    await shell(
      router,
      [
        'nft add table ip portal',
        `nft add chain ip portal arriving '{ type nat hook prerouting priority -150; }'`,
        `nft add rule ip portal arriving iifname lan0 tcp dport '{ 80, 443 }' redirect`,
        `nft add chain ip portal passing '{ type filter hook forward priority -10; }'`,
        'nft add rule ip portal passing iifname lan0 drop',
      ].join('\n'),
    );
    const portal = new LabProcess([process.execPath, '-e', portalProgram(folder)], { ns: router });
    try {
      await portal.line(/up/, 10_000);
      const relay = ['--relay', net.rig.relayUrl];
      const found = await doctor(guest, relay);
      expect(found.verdict).toBe('fail');
      expect(lineOf(found, 'relay:')).toMatch(/^fail .*it hangs up, or answers in another protocol/);
      expect(lineOf(found, 'portal')).toMatch(
        /^warn .*http:\/\/portal\.hotel\.example\/login.*log in there with a browser/,
      );
      const { portal: page } = await guest.node.json<NetcheckReport>(['netcheck', ...relay]);
      expect(page).toBe('http://portal.hotel.example/login');
      const refused = await told(guest, ['join', net.token, '--detach']);
      expect(refused).toMatch(/cannot be reached: it hangs up/);
      expect(refused).toContain(`doctor --relay ${relayName}`);
      await shell(router, 'nft delete table ip portal');
      net.join(guest);
      await guest.node.up();
      await untilPath(guest, first, 'direct', 15_000);
      expect(lineOf(await doctor(guest, relay), 'portal')).toBe('none');
    } finally {
      await portal.stop(500);
    }
  });

  it('of a firewall that drops what comes by the interface, while nodes reach each other', async () => {
    const web = await net.add({ nat: 'endpoint-independent' }, 'web');
    await untilPath(first, web, 'direct', 15_000);
    expect(await why(first, 'web')).toMatchObject({ machine: 'answers', advice: [] });
    await shell(
      web.ns,
      `nft add table inet fw\nnft add chain inet fw input '{ type filter hook input priority 0; }'\nnft add rule inet fw input iifname 'evio*' drop`,
    );
    const { machine, advice } = await why(first, 'web');
    expect(machine).toBe('silent');
    expect(advice[0]).toMatch(/^The node of web answers, and its machine does not: .* firewall/);
    await shell(web.ns, 'nft delete table inet fw');
  });

  it('of a member that went a moment ago: no firewall', async () => {
    const asleep = await net.add({ nat: 'endpoint-independent' }, 'asleep');
    await untilPath(first, asleep, 'direct', 15_000);
    const { pid } = asleep.node.process as LabProcess;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await why(first, 'asleep')).toMatchObject({ machine: null, advice: [] });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('of UDP that the relay does not get: both who may keep it, and once', async () => {
    const cut = await net.add({ nat: 'udp-blocked' }, 'cut');
    await untilPath(cut, first, 'relay-ws', 15_000);
    await expect
      .poll(async () => (await why(cut, first.node.name)).advice[0], { timeout: 15_000, interval: 500 })
      .toMatch(/^No relay answers this machine by UDP, .*firewall here .*where the relay runs/);
    const { checks } = await doctor(cut);
    const udp = checks.filter(({ id }) => id.startsWith('udp:'));
    expect(udp).toHaveLength(1);
    expect(udp[0]?.fix).toMatch(/out of here, and in where the relay runs/);
  });

  it('of a path by relays that somebody asked for, on both ends', async () => {
    const only = await net.place({ nat: 'endpoint-independent' }, 'only');
    net.join(only, ['--relay-only']);
    await only.node.up();
    await untilPath(first, only, 'relay-udp', 15_000);
    expect((await why(only, first.node.name)).advice[0]).toMatch(/^This machine .* \(--relay-only\)/);
    expect(lineOf(await doctor(only), 'profile:lab')).toMatch(/^pass .*, 1 relay, .* \(--relay-only\)/);
    await expect
      .poll(async () => (await why(first, 'only')).advice[0], { timeout: 15_000, interval: 500 })
      .toMatch(/^The peer offers no address .* \(--relay-only\)/);
  });

  it('of a name with the domain, one misspelt, this machine itself, and one that was revoked', async () => {
    const gone = await net.add({ nat: 'endpoint-independent' }, 'gone');
    await untilPath(first, gone, 'direct', 15_000);
    expect(await told(first, ['ping', 'gone.lab.evio', '-c', '1'])).toMatch(/1 received/);
    expect(await told(first, ['why', 'gnoe'])).toMatch(
      /No member of lab is called "gnoe"[^]*Did you mean: gone/,
    );
    expect(await told(first, ['why', first.node.name])).toMatch(/is this machine itself/);
    const running = gone.node.process as LabProcess;
    await first.node.cli(['revoke', 'gone', '--reason', 'stolen']);
    await running.exited;
    expect(await told(first, ['ping', 'gone'])).toMatch(/gone was revoked .* by n0: stolen\./);
    expect(lineOf(await doctor(gone), 'certificate:lab')).toMatch(
      /^fail this machine was revoked .*: stolen\./,
    );
  });

  it.runIf(hasFakeTime())('of a clock that is ahead, where a token seems to be over', async () => {
    const early = await net.place({ nat: 'endpoint-independent' }, 'early');
    early.node.environment = clockOf({ FAKETIME: '+2d' });
    const said = await told(early, ['join', net.token, '--detach']);
    expect(said).toMatch(/This token expired at .*; by this machine's clock it is /);
    expect(said).toContain(`doctor --relay ${relayName}`);
  });
});
