/**
 * The contenders beside evio, each with its own defaults unless a comment says why not. What needs a reachable end
 * gets port forwards on the routers, so that its traffic crosses both NATs all the same.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { address, ipA, ipB, outside, port, udpOpen } from './contender.js';
import type { Contender, Crew, Running, Stage } from './contender.js';
import { run, shell } from '../lab/exec.js';
import type { LabProcess } from '../lab/exec.js';
import type { LabHost } from '../lab/topology.js';

/** An empty folder for a contender's files, made anew for every start. */
function freshFolder(stage: Stage, name: string): string {
  const folder = join(stage.folder, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Both ends as every contender here sees them: name, machine, address; first this end's, then the other's. */
function ends(stage: Stage): readonly (readonly ['a' | 'b', LabHost, string, 'a' | 'b', LabHost, string])[] {
  const { a, b } = stage;
  return [
    ['a', a, ipA, 'b', b, ipB],
    ['b', b, ipB, 'a', a, ipA],
  ];
}

/** Measured from `a` to `b`, with everything the crew started to be stopped. */
function running(stage: Stage, crew: Crew, startedAt: number, programs: readonly LabProcess[]): Running {
  const { a, b } = stage;
  return { client: a, server: b, address: ipB, startedAt, programs, stop: () => crew.stop() };
}

/** No tunnel at all: forwarded ports. What the machine and the rig can do. */
export const bare: Contender = {
  name: 'bare path',
  layer: 3,
  encryption: 'none',
  programs: {},
  start: (stage, crew) =>
    Promise.resolve({ ...running(stage, crew, Number.NaN, []), address: outside(stage.b) }),
};

export const vxlan: Contender = {
  name: 'VXLAN (kernel)',
  layer: 2,
  encryption: 'none',
  programs: {},
  async start(stage, crew) {
    for (const [, host, ip, , peer] of ends(stage)) {
      const add = `ip link add vx0 type vxlan id 7 remote ${outside(peer)} dstport ${port.vxlan} dev eth0`;
      await shell(host.ns, `${add}\n`);
      await address(host, 'vx0', ip);
    }
    return {
      ...running(stage, crew, Number.NaN, []),
      async stop() {
        for (const host of [stage.a, stage.b]) await host.run(['ip', 'link', 'del', 'vx0']);
      },
    };
  },
};

export const wireguardGo: Contender = {
  name: 'wireguard-go',
  layer: 3,
  encryption: 'ChaCha20-Poly1305',
  programs: { 'wireguard-go': 'wireguard-go', wg: 'wireguard-tools' },
  async start(stage, crew) {
    const folder = freshFolder(stage, 'wireguard');
    const keys = { a: '', b: '' };
    for (const [name] of ends(stage)) {
      const secret = (await run(['wg', 'genkey'])).stdout;
      writeFileSync(join(folder, name), secret, { mode: 0o600 });
      keys[name] = (await run(['wg', 'pubkey'], { input: secret })).stdout.trim();
    }
    const daemons: LabProcess[] = [];
    let startedAt = 0;
    for (const [name, host, ip, other, peer, peerIp] of ends(stage)) {
      // The control socket is named after the interface and shared by all namespaces: two names.
      const device = `wgbench${name}`;
      const env = { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' };
      startedAt = performance.now();
      daemons.push(crew.launch(host, ['wireguard-go', '-f', device], { env }));
      await address(host, device, ip, 1420);
      await host.run([
        ...['wg', 'set', device, 'private-key', join(folder, name), 'listen-port', `${port.wireguard}`],
        ...['peer', keys[other], 'allowed-ips', `${peerIp}/32`],
        ...['endpoint', `${outside(peer)}:${port.wireguard}`],
      ]);
    }
    return running(stage, crew, startedAt, daemons);
  },
};

export const nebula: Contender = {
  name: 'nebula',
  layer: 3,
  encryption: 'AES-256-GCM',
  programs: { nebula: 'nebula', 'nebula-cert': 'nebula' },
  async start(stage, crew) {
    const cwd = freshFolder(stage, 'nebula');
    await run(['nebula-cert', 'ca', '-name', 'bench'], { cwd });
    for (const [name, , ip, , peer, peerIp] of ends(stage)) {
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
    }
    const first = crew.launch(stage.a, ['nebula', '-config', join(cwd, 'a.yml')]);
    const startedAt = performance.now();
    return running(stage, crew, startedAt, [
      first,
      crew.launch(stage.b, ['nebula', '-config', join(cwd, 'b.yml')]),
    ]);
  },
};

export const tinc: Contender = {
  name: 'tinc (switch mode)',
  layer: 2,
  encryption: 'AES-256-CBC + SHA-256',
  programs: { tincd: 'tinc' },
  async start(stage, crew) {
    const base = freshFolder(stage, 'tinc');
    for (const [name, host, , other] of ends(stage)) {
      const folder = join(base, name);
      mkdirSync(join(folder, 'hosts'), { recursive: true });
      const settings = `Name=${name}\nMode=switch\nInterface=tinc0\nDeviceType=tap\nConnectTo=${other}\n`;
      writeFileSync(join(folder, 'tinc.conf'), settings);
      writeFileSync(join(folder, 'hosts', name), `Address=${outside(host)}\nPort=${port.tinc}\n`);
      await run(['tincd', '-c', folder, '-K2048'], { input: '\n\n\n\n' });
    }
    for (const [name, , , other] of ends(stage))
      await run(['cp', join(base, name, 'hosts', name), join(base, other, 'hosts')]);
    const daemons: LabProcess[] = [];
    let startedAt = 0;
    for (const [name, host, ip] of ends(stage)) {
      const folder = join(base, name);
      startedAt = performance.now();
      daemons.push(crew.launch(host, ['tincd', '-c', folder, '-D', `--pidfile=${folder}/pid`]));
      await address(host, 'tinc0', ip);
    }
    return running(stage, crew, startedAt, daemons);
  },
};

export const n2n: Contender = {
  name: 'n2n',
  layer: 2,
  encryption: 'Twofish',
  programs: { edge: 'n2n', supernode: 'n2n' },
  async start(stage, crew) {
    crew.launch(stage.server, ['supernode', '-l', `${port.n2n}`]);
    // An edge whose first registration is lost is unknown to the supernode until it registers again, 20 to 60 s later,
    // and nobody's broadcast reaches it meanwhile.
    await udpOpen(stage.server, port.n2n);
    const meet = `${stage.server.v4}:${port.n2n}`;
    // No -f: to this version it means to fork away, and such an edge would outlive its round.
    const edge = (host: LabHost, ip: string): LabProcess =>
      crew.launch(host, ['edge', '-d', 'n2n0', '-a', ip, '-c', 'bench', '-k', 'bench-secret', '-l', meet]);
    const first = edge(stage.a, ipA);
    const startedAt = performance.now();
    return running(stage, crew, startedAt, [first, edge(stage.b, ipB)]);
  },
};

export const fastd: Contender = {
  name: 'fastd',
  layer: 2,
  encryption: 'Salsa20/12 + UMAC',
  programs: { fastd: 'fastd' },
  async start(stage, crew) {
    const folder = freshFolder(stage, 'fastd');
    const keys: Record<'a' | 'b', { secret: string; open: string }> = {
      a: { secret: '', open: '' },
      b: { secret: '', open: '' },
    };
    for (const [name] of ends(stage)) {
      const { stdout } = await run(['fastd', '--machine-readable', '--generate-key']);
      const secret = stdout.trim();
      const shown = await run(['fastd', '--machine-readable', '--config', '-', '--show-key'], {
        input: `secret "${secret}";\n`,
      });
      keys[name] = { secret, open: shown.stdout.trim() };
    }
    const daemons: LabProcess[] = [];
    let startedAt = 0;
    for (const [name, host, ip, other, peer] of ends(stage)) {
      const path = join(folder, `${name}.conf`);
      const lines = [
        'log level warn;',
        'interface "fd0";',
        'mode tap;',
        // What its manual and its example configuration recommend.
        'method "salsa2012+umac";',
        `bind any:${port.fastd};`,
        // The largest that a path of 1500 bytes carries.
        'mtu 1426;',
        `secret "${keys[name].secret}";`,
        `peer "${other}" { key "${keys[other].open}"; remote ${outside(peer)}:${port.fastd}; }`,
      ];
      writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
      startedAt = performance.now();
      daemons.push(crew.launch(host, ['fastd', '--config', path]));
      await address(host, 'fd0', ip);
    }
    return running(stage, crew, startedAt, daemons);
  },
};

export const openvpn: Contender = {
  name: 'OpenVPN (tap)',
  layer: 2,
  encryption: 'AES-256-GCM',
  programs: { openvpn: 'openvpn', openssl: 'openssl' },
  async start(stage, crew) {
    const cwd = freshFolder(stage, 'openvpn');
    const prints = { a: '', b: '' };
    for (const [name] of ends(stage)) {
      await run(
        [
          ...[
            'openssl',
            'req',
            '-x509',
            '-newkey',
            'ec',
            '-pkeyopt',
            'ec_paramgen_curve:prime256v1',
            '-nodes',
          ],
          ...['-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', '-subj', `/CN=${name}`],
        ],
        { cwd },
      );
      const asked = ['openssl', 'x509', '-in', `${name}.crt`, '-noout', '-fingerprint', '-sha256'];
      prints[name] = (await run(asked, { cwd })).stdout.trim().split('=')[1] ?? '';
    }
    const daemons: LabProcess[] = [];
    let startedAt = 0;
    for (const [name, host, ip, other, peer] of ends(stage)) {
      startedAt = performance.now();
      daemons.push(
        crew.launch(
          host,
          [
            ...['openvpn', '--dev', 'ovpn0', '--dev-type', 'tap', '--proto', 'udp', '--verb', '1'],
            ...['--remote', outside(peer), '--port', `${port.openvpn}`, '--ifconfig', ip, '255.255.255.0'],
            ...(name === 'a' ? ['--tls-server', '--dh', 'none'] : ['--tls-client']),
            ...['--cert', `${name}.crt`, '--key', `${name}.key`, '--peer-fingerprint', prints[other]],
            ...['--data-ciphers', 'AES-256-GCM', '--cipher', 'AES-256-GCM'],
          ],
          { cwd },
        ),
      );
    }
    return running(stage, crew, startedAt, daemons);
  },
};
