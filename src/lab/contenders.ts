/**
 * The programs `npm run bench` compares, each brought up between the same two machines behind the same two
 * NATs, with its own defaults unless a comment says why not. What needs a reachable end gets port forwards on
 * the routers, so that its traffic crosses both NATs all the same.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EvioError } from '../core/lib/errors.js';
import { run, shell, sleep } from './exec.js';
import type { LabProcess } from './exec.js';
import type { Rig, RigNode } from './rig.js';
import type { LabHost } from './topology.js';

/** Where the comparison takes place. `a` measures towards `b`; `server` stands on the public segment. */
export interface Stage {
  readonly rig: Rig;
  readonly a: LabHost;
  readonly b: LabHost;
  readonly server: LabHost;
  /** For keys and configuration. */
  readonly folder: string;
}

export interface Running {
  /** Address of `b` through the contender. */
  readonly address: string;
  stop(): Promise<void>;
  /** Asked after the measurement: how packets went, when the contender knows. */
  path?(): Promise<string>;
}

export interface Contender {
  readonly name: string;
  readonly layer: 2 | 3;
  readonly encryption: string;
  /** Program -> Debian package. */
  readonly programs: Readonly<Record<string, string>>;
  start(stage: Stage): Promise<Running>;
}

/** Overlay addresses of the others; evio chooses its own. */
const ipA = '10.98.0.1';
const ipB = '10.98.0.2';

const port = { iperf: 5201, vxlan: 4789, wireguard: 51_820, nebula: 4242, tinc: 655, n2n: 7777 } as const;

/** Forwards, once, all the ports contenders need. */
export async function openPorts(stage: Stage): Promise<void> {
  for (const host of [stage.a, stage.b]) {
    for (const udp of [port.iperf, port.vxlan, port.wireguard, port.nebula, port.tinc])
      await host.site.forward('udp', udp, host);
    for (const tcp of [port.iperf, port.tinc]) await host.site.forward('tcp', tcp, host);
    await host.site.forward('icmp', 0, host);
  }
}

function outside(host: LabHost): string {
  return host.site.outside.v4 ?? '';
}

/** Ends them in reverse order. */
function ender(...processes: readonly LabProcess[]): () => Promise<void> {
  return async () => {
    for (const process of [...processes].reverse()) await process.stop(3_000);
  };
}

/** Waits for an interface to appear, gives it an address and brings it up. */
async function address(host: LabHost, device: string, ip: string, mtu?: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while ((await host.run(['ip', 'link', 'show', device], { allowFailure: true })).status !== 0) {
    if (performance.now() > deadline)
      throw new EvioError('EVIO_LAB', `${device} did not appear in ${host.ns} within 10 s`);
    await sleep(50);
  }
  const size = mtu === undefined ? '' : ` mtu ${mtu}`;
  await shell(host.ns, `ip addr replace ${ip}/24 dev ${device}\nip link set ${device}${size} up\n`);
}

/** No tunnel at all: forwarded ports. What the machine and the rig can do. */
const bare: Contender = {
  name: 'bare path',
  layer: 3,
  encryption: 'none',
  programs: {},
  start: ({ b }) => Promise.resolve({ address: outside(b), stop: () => Promise.resolve() }),
};

const vxlan: Contender = {
  name: 'VXLAN (kernel)',
  layer: 2,
  encryption: 'none',
  programs: {},
  async start({ a, b }) {
    const ends = [
      [a, b, ipA],
      [b, a, ipB],
    ] as const;
    for (const [host, peer, ip] of ends) {
      const add = `ip link add vx0 type vxlan id 7 remote ${outside(peer)} dstport ${port.vxlan} dev eth0`;
      await shell(host.ns, `${add}\n`);
      await address(host, 'vx0', ip);
    }
    return {
      address: ipB,
      async stop() {
        for (const [host] of ends) await host.run(['ip', 'link', 'del', 'vx0']);
      },
    };
  },
};

const wireguardGo: Contender = {
  name: 'wireguard-go',
  layer: 3,
  encryption: 'ChaCha20-Poly1305',
  programs: { 'wireguard-go': 'wireguard-go', wg: 'wireguard-tools' },
  async start({ a, b, folder }) {
    const keys = [];
    for (const name of ['a', 'b']) {
      const secret = (await run(['wg', 'genkey'])).stdout.trim();
      const path = join(folder, `wg-${name}.key`);
      writeFileSync(path, `${secret}\n`, { mode: 0o600 });
      keys.push({ path, open: (await run(['wg', 'pubkey'], { input: `${secret}\n` })).stdout.trim() });
    }
    const [ka, kb] = keys as [{ path: string; open: string }, { path: string; open: string }];
    const env = { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' };
    // The control socket is named after the interface and shared by all namespaces: two names.
    const daemons = [a.launch(['wireguard-go', '-f', 'wgbencha'], { env })];
    daemons.push(b.launch(['wireguard-go', '-f', 'wgbenchb'], { env }));
    await address(a, 'wgbencha', ipA, 1420);
    await address(b, 'wgbenchb', ipB, 1420);
    const listen = ['listen-port', `${port.wireguard}`];
    await a.run([
      ...['wg', 'set', 'wgbencha', 'private-key', ka.path, ...listen, 'peer', kb.open],
      ...['allowed-ips', `${ipB}/32`, 'endpoint', `${outside(b)}:${port.wireguard}`],
    ]);
    await b.run([
      ...['wg', 'set', 'wgbenchb', 'private-key', kb.path, ...listen, 'peer', ka.open],
      ...['allowed-ips', `${ipA}/32`],
    ]);
    return { address: ipB, stop: ender(...daemons) };
  },
};

const nebula: Contender = {
  name: 'nebula',
  layer: 3,
  encryption: 'AES-256-GCM',
  programs: { nebula: 'nebula', 'nebula-cert': 'nebula' },
  async start({ a, b, folder }) {
    const cwd = join(folder, 'nebula');
    rmSync(cwd, { recursive: true, force: true });
    mkdirSync(cwd);
    await run(['nebula-cert', 'ca', '-name', 'bench'], { cwd });
    const daemons = [];
    for (const [name, host, peer, ip, peerIp] of [
      ['a', a, b, ipA, ipB],
      ['b', b, a, ipB, ipA],
    ] as const) {
      await run(['nebula-cert', 'sign', '-name', name, '-ip', `${ip}/24`], { cwd });
      const any = '[{port: any, proto: any, host: any}]';
      const lines = [
        `pki: {ca: ${cwd}/ca.crt, cert: ${cwd}/${name}.crt, key: ${cwd}/${name}.key}`,
        `static_host_map: {"${peerIp}": ["${outside(peer)}:${port.nebula}"]}`,
        'lighthouse: {am_lighthouse: false, interval: 60}',
        `listen: {host: 0.0.0.0, port: ${port.nebula}}`,
        // Its default of 1300 would cost it throughput.
        'tun: {dev: neb0, mtu: 1400}',
        'logging: {level: error}',
        'cipher: aes',
        `firewall: {outbound: ${any}, inbound: ${any}}`,
      ];
      writeFileSync(join(cwd, `${name}.yml`), `${lines.join('\n')}\n`);
      daemons.push(host.launch(['nebula', '-config', join(cwd, `${name}.yml`)]));
    }
    return { address: ipB, stop: ender(...daemons) };
  },
};

const tinc: Contender = {
  name: 'tinc (switch mode)',
  layer: 2,
  encryption: 'AES-256-CBC + SHA-256',
  programs: { tincd: 'tinc' },
  async start({ a, b, folder }) {
    const base = join(folder, 'tinc');
    rmSync(base, { recursive: true, force: true });
    const daemons = [];
    const ends = [
      ['a', 'b', a, ipA],
      ['b', 'a', b, ipB],
    ] as const;
    for (const [name, peer, host] of ends) {
      const folderOf = join(base, name);
      mkdirSync(join(folderOf, 'hosts'), { recursive: true });
      writeFileSync(
        join(folderOf, 'tinc.conf'),
        `Name=${name}\nMode=switch\nInterface=tinc0\nDeviceType=tap\nConnectTo=${peer}\n`,
      );
      writeFileSync(join(folderOf, 'hosts', name), `Address=${outside(host)}\nPort=${port.tinc}\n`);
      await run(['tincd', '-c', folderOf, '-K2048'], { input: '\n\n\n\n' });
    }
    for (const [name, peer] of ends)
      await run(['cp', join(base, name, 'hosts', name), join(base, peer, 'hosts')]);
    for (const [name, , host] of ends) {
      const folderOf = join(base, name);
      daemons.push(host.launch(['tincd', '-c', folderOf, '-D', `--pidfile=${folderOf}/pid`]));
    }
    for (const [, , host, ip] of ends) await address(host, 'tinc0', ip);
    return { address: ipB, stop: ender(...daemons) };
  },
};

const n2n: Contender = {
  name: 'n2n',
  layer: 2,
  encryption: 'Twofish',
  programs: { edge: 'n2n', supernode: 'n2n' },
  async start({ a, b, server }) {
    const supernode = server.launch(['supernode', '-l', `${port.n2n}`, '-f']);
    await sleep(300);
    const meet = `${server.v4}:${port.n2n}`;
    const edge = (host: LabHost, ip: string): LabProcess =>
      host.launch(['edge', '-d', 'n2n0', '-a', ip, '-c', 'bench', '-k', 'bench-secret', '-l', meet, '-f']);
    return { address: ipB, stop: ender(supernode, edge(a, ipA), edge(b, ipB)) };
  },
};

/** Nodes keep their homes from round to round, as machines do. */
const evioNodes = new WeakMap<Stage, [RigNode, RigNode]>();

async function evioMembers(stage: Stage): Promise<[RigNode, RigNode]> {
  const known = evioNodes.get(stage);
  if (known !== undefined) return known;
  const { rig } = stage;
  await rig.startRelay();
  const [a, b] = [rig.node(stage.a, 'bencha'), rig.node(stage.b, 'benchb')];
  const token = await a.init('bench', rig.relayUrl);
  a.launch(['node']);
  await a.up();
  b.launch(['join', token, '--name', b.name]);
  await b.up();
  await Promise.all([a.stop(), b.stop()]);
  evioNodes.set(stage, [a, b]);
  return [a, b];
}

const evio: Contender = {
  name: 'evio',
  layer: 2,
  encryption: 'AES-256-GCM',
  programs: {},
  async start(stage) {
    const [a, b] = await evioMembers(stage);
    for (const node of [a, b]) node.launch(['node']);
    for (const node of [a, b]) await node.up();
    return {
      address: b.ip,
      path: async () => (await a.peers()).find((peer) => peer.ip === b.ip)?.path?.kind ?? 'none',
      async stop() {
        await Promise.all([a.stop(), b.stop()]);
      },
    };
  },
};

/** In the order of the table. */
export const contenders: readonly Contender[] = [bare, vxlan, evio, nebula, wireguardGo, tinc, n2n];
