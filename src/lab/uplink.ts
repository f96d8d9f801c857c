/** The cable between a site and the public segment, and what can happen to it while the lab runs. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EvioError } from '../core/lib/errors.js';
import { findProgram, LabProcess, requirePrograms, run, shell } from './exec.js';
import { clearLink, linkRules } from './rules.js';
import type { LinkRules } from './rules.js';
import type { PublicSegment } from './segment.js';

/**
 * Turned off while packets are lost or delayed one by one: one drop must not take a 64 kB burst along, and what
 * a program forwards must carry its checksum.
 */
const offloads = ['tx', 'tso', 'gso', 'tx-udp-segmentation'];

/** The program that holds frames back; it is plain Node's, so it runs from the build. */
const delayProgram = fileURLToPath(new URL('../../dist/lab/delay.js', import.meta.url));

export interface UplinkEnds {
  /** The site's end. */
  readonly ns: string;
  readonly device: string;
  /** The public end. */
  readonly port: string;
  /** Gives the public end its addresses and routes anew. */
  readonly configure: () => Promise<void>;
}

export class Uplink {
  readonly #segment: PublicSegment;
  readonly #name: string;
  readonly #ends: UplinkEnds;
  #link: LinkRules = clearLink;
  #wire: LabProcess | undefined;
  #wantSingle = false;

  constructor(segment: PublicSegment, name: string, ends: UplinkEnds) {
    this.#segment = segment;
    this.#name = name;
    this.#ends = ends;
  }

  async #setLink(change: Partial<LinkRules>): Promise<void> {
    this.#link = { ...this.#link, ...change };
    const { ns, device } = this.#ends;
    await shell(ns, `nft -f - <<'EOF'\n${linkRules(device, this.#link)}EOF\n`);
    await this.#segment.filterPort(this.#ends.port, this.#link);
  }

  /**
   * Loses this share of the packets crossing the uplink, in each direction. Segmentation offload is off
   * meanwhile, so that packets are lost singly.
   */
  async setLoss(fraction: number): Promise<void> {
    await this.#setLink({ loss: fraction });
    await this.#setOffloads();
  }

  /** Drops every UDP packet on the uplink, both ways (kind `udp-blocked` begins like this). */
  async blockUdp(blocked: boolean): Promise<void> {
    await this.#setLink({ udpBlocked: blocked });
  }

  /** Nothing passes the uplink while unplugged; no interface goes down. */
  async unplug(unplugged: boolean): Promise<void> {
    await this.#setLink({ unplugged });
  }

  /**
   * Limits the uplink to `mbps` in each direction (token bucket); undefined lifts it.
   *
   * @param queueBytes what waits at most, each way, before packets are lost; default 50 ms of the rate
   */
  async setRate(mbps: number | undefined, queueBytes?: number): Promise<void> {
    requirePrograms('tc');
    const { ns, device } = this.#ends;
    for (const [where, name] of [
      [ns, device],
      [this.#segment.ns, this.#ends.port],
    ] as const) {
      const burst = Math.max(16_000, Math.round(((mbps ?? 0) * 1e6) / 8 / 250));
      await (mbps === undefined
        ? run(['tc', 'qdisc', 'del', 'dev', name, 'root'], { ns: where, allowFailure: true })
        : run(
            [
              'tc',
              'qdisc',
              'replace',
              'dev',
              name,
              'root',
              'tbf',
              'rate',
              `${mbps}mbit`,
              'burst',
              `${burst}`,
              ...(queueBytes === undefined ? ['latency', '50ms'] : ['limit', `${queueBytes}`]),
            ],
            { ns: where },
          ));
    }
  }

  /** True: packets cross the uplink one by one (no TSO, GSO, UDP segmentation). False: as veth has it. */
  async setSegmentation(single: boolean): Promise<void> {
    this.#wantSingle = single;
    await this.#setOffloads();
  }

  async #setOffloads(): Promise<void> {
    const single = this.#wantSingle || this.#link.loss > 0 || this.#wire !== undefined;
    if (!single && findProgram('ethtool') === undefined) return;
    requirePrograms('ethtool');
    const { ns, device } = this.#ends;
    const features = offloads.flatMap((feature) => [feature, single ? 'off' : 'on']);
    await run(['ethtool', '-K', device, ...features], { ns });
    await run(['ethtool', '-K', this.#ends.port, ...features], { ns: this.#segment.ns });
  }

  /**
   * Holds every packet on the uplink for `ms` (and up to `jitterMs` more) in each direction, so the round trip
   * grows by twice that. 0 and 0 give the plain cable back. Takes the link down for some milliseconds when it
   * begins and ends, and one processor's share while it lasts: keep to some hundred Mbit/s. Needs dist/.
   */
  async setDelay(ms: number, jitterMs = 0): Promise<void> {
    const wanted = ms > 0 || jitterMs > 0;
    if (this.#wire?.running === true && wanted) {
      this.#wire.write(`${ms} ${jitterMs}`);
      return;
    }
    if (wanted === (this.#wire !== undefined)) return;
    const wireNs = `${this.#segment.prefix}-${this.#name}-wire`;
    if (wanted) {
      if (!existsSync(delayProgram))
        throw new EvioError('EVIO_LAB', 'delays need the build', ['npm run build']);
      await this.#segment.addNamespace(wireNs);
      await shell(wireNs, 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6\n');
      // The site's end stays as it is. Its peer moves into the wire, and the public segment gets another port.
      await run(['ip', 'link', 'set', this.#ends.port, 'netns', wireNs, 'name', 'near'], {
        ns: this.#segment.ns,
      });
      const cable = ['link', 'add', 'far', 'netns', wireNs, 'type', 'veth'];
      await run(['ip', ...cable, 'peer', 'name', this.#ends.port, 'netns', this.#segment.ns]);
      await shell(
        wireNs,
        'for i in near far; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; ip link set $i up; done\n',
      );
      const index = async (device: string): Promise<string> =>
        (await run(['cat', `/sys/class/net/${device}/ifindex`], { ns: wireNs })).stdout.trim();
      const ends = [await index('near'), await index('far')];
      const argv = [process.execPath, delayProgram, ...ends, `${ms}`, `${jitterMs}`];
      this.#wire = new LabProcess(argv, { ns: wireNs });
      this.#segment.adopt(this.#wire);
      await this.#wire.line(/^up$/, 10_000);
    } else {
      await this.#wire?.stop(500);
      this.#wire = undefined;
      await run(['ip', 'link', 'del', 'far'], { ns: wireNs });
      await run(['ip', 'link', 'set', 'near', 'netns', this.#segment.ns, 'name', this.#ends.port], {
        ns: wireNs,
      });
    }
    await this.#ends.configure();
    await this.#setLink({});
    await this.#setOffloads();
  }
}
