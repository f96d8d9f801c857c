/** What a program in the comparison of `npm run bench` looks like, and what they all need. */
import { EvioError } from '../core/lib/errors.js';
import { shell, sleep } from '../lab/exec.js';
import type { LabProcess, LaunchOptions } from '../lab/exec.js';
import type { Rig } from '../lab/rig.js';
import type { LabHost } from '../lab/topology.js';

/** Where the comparison takes place. `a` measures towards `b`; `server` stands on the public segment. */
export interface Stage {
  readonly rig: Rig;
  readonly a: LabHost;
  readonly b: LabHost;
  readonly server: LabHost;
  /** For keys and configuration. */
  readonly folder: string;
}

/** A contender that is up, or about to be. */
export interface Running {
  /** Measured from and to: `a` and `b` of the stage unless it needs sites of its own. */
  readonly client: LabHost;
  readonly server: LabHost;
  /** Address of `server` through the contender. */
  readonly address: string;
  /** When the second of its two ends was started (`performance.now()`); NaN when there is nothing to start. */
  readonly startedAt: number;
  /** Its programs, all of them, for processor time and memory. None: it lives in the kernel. */
  readonly programs: readonly LabProcess[];
  stop(): Promise<void>;
  /** Asked after the measurement: how packets went, when the contender knows. */
  path?(): Promise<string>;
}

export interface Contender {
  readonly name: string;
  readonly layer: 2 | 3;
  readonly encryption: string;
  /** Program -> Debian package; the package of the first is the contender's version. */
  readonly programs: Readonly<Record<string, string>>;
  /** Starts both ends. Throws EVIO_LAB when one of them fails; `crew` knows what was started by then. */
  start(stage: Stage, crew: Crew): Promise<Running>;
}

/** Starts programs and remembers them, so that nothing of a contender that fails half-way stays behind. */
export class Crew {
  readonly #members: LabProcess[] = [];

  launch(host: LabHost, argv: readonly string[], options: Omit<LaunchOptions, 'ns'> = {}): LabProcess {
    const process = host.launch(argv, options);
    this.#members.push(process);
    return process;
  }

  /** Ends them, the last first. */
  async stop(): Promise<void> {
    for (const process of this.#members.splice(0).reverse()) await process.stop(3_000);
  }
}

/** Overlay addresses of the others; evio chooses its own. */
export const ipA = '10.98.0.1';
export const ipB = '10.98.0.2';

export const port = {
  iperf: 5201,
  vxlan: 4789,
  wireguard: 51_820,
  nebula: 4242,
  tinc: 655,
  n2n: 7777,
  fastd: 10_000,
  openvpn: 1194,
} as const;

/** Forwards, once, all the ports contenders need. */
export async function openPorts(stage: Stage): Promise<void> {
  const { iperf, vxlan, wireguard, nebula, tinc, fastd, openvpn } = port;
  for (const host of [stage.a, stage.b]) {
    for (const udp of [iperf, vxlan, wireguard, nebula, tinc, fastd, openvpn])
      await host.site.forward('udp', udp, host);
    for (const tcp of [iperf, tinc]) await host.site.forward('tcp', tcp, host);
    await host.site.forward('icmp', 0, host);
  }
}

/** The address by which the other site reaches this machine's forwarded ports. */
export function outside(host: LabHost): string {
  return host.site.outside.v4 ?? '';
}

/** Waits for an interface to appear, gives it an address and brings it up. */
export async function address(host: LabHost, device: string, ip: string, mtu?: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while ((await host.run(['ip', 'link', 'show', device], { allowFailure: true })).status !== 0) {
    if (performance.now() > deadline)
      throw new EvioError('EVIO_LAB', `${device} did not appear in ${host.ns} within 10 s`);
    await sleep(20);
  }
  const size = mtu === undefined ? '' : ` mtu ${mtu}`;
  await shell(host.ns, `ip addr replace ${ip}/24 dev ${device}\nip link set ${device}${size} up\n`);
}

/** Waits until something has the UDP port of an IPv4 socket there (/proc/net/udp). */
export async function udpOpen(host: LabHost, number: number, timeoutMs = 5_000): Promise<void> {
  const local = new RegExp(
    `^ *\\d+: [0-9A-F]{8}:${number.toString(16).toUpperCase().padStart(4, '0')} `,
    'm',
  );
  const deadline = performance.now() + timeoutMs;
  while (!local.test((await host.run(['cat', '/proc/net/udp'])).stdout)) {
    if (performance.now() > deadline)
      throw new EvioError('EVIO_LAB', `nothing took UDP port ${number} in ${host.ns}`);
    await sleep(20);
  }
}
