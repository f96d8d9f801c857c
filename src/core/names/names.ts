/**
 * The names of a network on this machine, while its node runs: a responder, and the way by which programs come to it.
 *
 *   resolved   the interface's domains lead to the responder
 *   hosts      a marked block of /etc/hosts, rewritten as members come and go; the responder is there for who asks it
 *   off        nothing of either
 *
 * resolv.conf is never touched. What was set goes when the node stops. After a kill the interface's settings are gone with it, and the
 * block goes with the next node that starts, or `evio down`: whose process is gone has no block.
 */
import type { Clock, Logger } from '../lib/env.js';
import { addressText } from '../lib/endpoint.js';
import { messageOf } from '../lib/errors.js';
import { formatIpv4, type Cidr } from '../lib/ipv4.js';
import { isAlive } from '../lib/alive.js';
import { changeHosts, hostsFault } from './hosts-file.js';
import { hostsPath, withBlock, withoutBlocks, type HostsLine } from './hosts-text.js';
import { isMachineNetwork } from './machine.js';
import type { NameMode, NamesReport, NameWay } from './report.js';
import { asksResolved, tellResolved, untellResolved } from './resolved.js';
import { Responder } from './responder.js';
import { domainOf, reverseZone6, reverseZones, Zone, type NamedMember } from './zone.js';

/** Changes of one moment are written together; who joined in the background types a name next. */
const settleMs = 50;
/** Other programs write the file, too: it is looked at this often. */
const lookEveryMs = 30_000;
const dnsPort = 53;

/** A network as its names need it. */
export interface NamesFacts {
  /** Own node id, in hexadecimal. */
  readonly idText: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly cidr: Cidr;
  readonly prefix6: Uint8Array;
  /** Own IPv4 address. */
  readonly ip: number;
  /** Name of the interface. It has one once the plane has started. */
  readonly device: string;
  /** Everybody who is known here, this member first. */
  members(): readonly NamedMember[];
  /** A member that is not, by its name; undefined: there is none. */
  find(name: string): Promise<NamedMember | undefined>;
}

export interface NamesOptions {
  readonly mode: NameMode;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default /etc/hosts. */
  readonly hosts?: string;
}

/** The names of one network while it runs. */
export interface NameService {
  /** The interface is up. Does not wait, and does not throw: what goes wrong stands in the report. */
  start(): void;
  /** A member came, went, or has another name or address. */
  changed(): void;
  report(): NamesReport;
  /** Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Another process goes on with the names: what was set on the machine stays, and is its to take back. */
  letGo(): void;
}

export class Names implements NameService {
  readonly #facts: NamesFacts;
  readonly #options: NamesOptions;
  readonly #domain: string;
  readonly #responder: Responder;
  #zone: Zone | undefined;
  #way: NameWay = 'off';
  #fault: string | null = null;
  /** What is done to the machine, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #settling: (() => void) | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  /** The hosts file has a block of ours. */
  #written = false;

  constructor(facts: NamesFacts, options: NamesOptions) {
    this.#facts = facts;
    this.#options = options;
    this.#domain = domainOf(facts.networkName, facts.networkId);
    this.#responder = new Responder(formatIpv4(facts.ip), {
      clock: options.clock,
      log: options.log,
      zone: () => this.#zoneNow(),
      find: (label) => facts.find(label),
    });
  }

  start(): void {
    this.#then(() => this.#begin());
  }

  changed(): void {
    this.#zone = undefined;
    if (this.#way !== 'hosts' || this.#stopped) return;
    this.#settling ??= this.#options.clock.after(settleMs, () => {
      this.#settling = undefined;
      this.#then(() => this.#writeHosts());
    });
  }

  report(): NamesReport {
    const { port } = this.#responder;
    return {
      domain: this.#domain,
      way: this.#way,
      server: port === undefined ? null : `${formatIpv4(this.#facts.ip)}:${port}`,
      tcp: this.#responder.tcp,
      fault: this.#fault,
      queries: this.#responder.queries,
    };
  }

  letGo(): void {
    this.#rest();
    void this.#responder.stop();
  }

  #rest(): void {
    this.#stopped = true;
    this.#settling?.();
    clearInterval(this.#looking);
  }

  async stop(): Promise<void> {
    this.#rest();
    await this.#work;
    const { device, idText } = this.#facts;
    try {
      if (this.#way === 'resolved') await untellResolved(device);
      if (this.#written)
        await changeHosts(this.#hosts, (text) => withoutBlocks(text, (owner) => owner === idText));
    } catch (thrown) {
      this.#options.log.warn('names not taken back', { reason: messageOf(thrown) });
    }
    this.#way = 'off';
    await this.#responder.stop();
  }

  async #begin(): Promise<void> {
    const { mode, log } = this.#options;
    // A block of a process that was killed tells of members that nobody reaches.
    await forgetStaleNames([], this.#hosts).catch(() => undefined);
    if (mode === 'auto' && !isMachineNetwork()) {
      this.#fault = 'this network namespace is not the machine’s own: name the way with --dns';
      return;
    }
    await this.#responder.start().catch((thrown: unknown) => {
      this.#failed('responder', thrown);
    });
    if (mode === 'resolved' || (mode === 'auto' && asksResolved())) {
      if (await this.#tellResolved()) this.#way = 'resolved';
      if (this.#way === 'resolved' || mode === 'resolved') return;
    }
    this.#way = 'hosts';
    await this.#writeHosts();
    this.#looking = setInterval(() => {
      this.#then(() => this.#writeHosts());
    }, lookEveryMs).unref();
    log.debug('names are kept in the hosts file', { file: this.#hosts });
  }

  async #tellResolved(): Promise<boolean> {
    const { device, cidr, prefix6, ip } = this.#facts;
    const { port } = this.#responder;
    if (port === undefined) return false;
    const server = formatIpv4(ip) + (port === dnsPort ? '' : `:${port}`);
    try {
      await tellResolved(device, server, [this.#domain, ...reverseZones(cidr), reverseZone6(prefix6)]);
      return true;
    } catch (thrown) {
      this.#failed('systemd-resolved', thrown);
      return false;
    }
  }

  async #writeHosts(): Promise<void> {
    if (this.#stopped) return;
    try {
      const lines = this.#facts.members().flatMap((member) => this.#linesOf(member));
      await changeHosts(this.#hosts, (text) =>
        withBlock(text, this.#facts.idText, this.#domain, process.pid, lines),
      );
      this.#written = true;
      this.#fault = null;
    } catch (thrown) {
      this.#tell(hostsFault(this.#hosts, thrown, (process.env['NOTIFY_SOCKET'] ?? '') !== ''));
    }
  }

  #linesOf({ name, ip, ip6 }: NamedMember): HostsLine[] {
    const full = `${name}.${this.#domain}`;
    const six = { address: addressText(ip6), name: full };
    return ip === null ? [six] : [{ address: formatIpv4(ip), name: full }, six];
  }

  #failed(what: string, thrown: unknown): void {
    this.#tell(`${what}: ${messageOf(thrown)}`);
  }

  /** Said once as long as it is the same. */
  #tell(fault: string): void {
    if (this.#fault !== fault) this.#options.log.warn('names are not found', { reason: fault });
    this.#fault = fault;
  }

  #zoneNow(): Zone {
    const { cidr, prefix6 } = this.#facts;
    if (this.#zone) return this.#zone;
    const members = this.#facts.members();
    const self = members[0]?.name ?? this.#domain;
    this.#zone = new Zone({ domain: this.#domain, cidr, prefix6, self }, members);
    return this.#zone;
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work
      .then(async () => {
        if (!this.#stopped) await work();
      })
      .catch((thrown: unknown) => {
        this.#failed('names', thrown);
      });
  }

  get #hosts(): string {
    return this.#options.hosts ?? hostsPath;
  }
}

/**
 * Takes out of the hosts file what nodes left there that were killed.
 *
 * @param owners ids of nodes that are known not to run, whatever process has their number now
 * @throws the system's error
 */
export async function forgetStaleNames(owners: readonly string[], path = hostsPath): Promise<void> {
  await changeHosts(path, (text) =>
    withoutBlocks(text, (owner, pid) => owners.includes(owner) || !isAlive(pid)),
  );
}
