/** What happens to the interface of a network behind its back, looked at whenever the kernel says that something changed. */
import { isDeepStrictEqual } from 'node:util';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { formatCidr, type Cidr } from '../lib/ipv4.js';
import { cidrsOf, isAllowed, type LocalRange } from '../surroundings/local-ranges.js';
import type { LanPortState } from './bridge.js';
import type { NodeEvent } from './events.js';
import type { ClashReport } from './reports.js';

export interface InterfaceWatchParts {
  readonly log: Logger;
  readonly network: string;
  readonly range: Cidr;
  /** Ranges that the operator lets the network have, whatever lies in them. */
  readonly allowed: readonly string[];
  readonly plane: Pick<DataPlane, 'mend' | 'deviceName'>;
  /** What of this machine lies in the range; undefined: nothing. */
  readonly clash: (range: Cidr) => LocalRange | undefined;
  /** Routes by the interface may have gone with its address. */
  readonly mended: () => void;
  /** Joins the interface with its ports; true: pods take part. @param before there was a LAN. Throws EvioError EVIO_DEVICE. */
  readonly joinPorts: (device: string, lan: LanPortState | undefined, before: boolean) => boolean;
  /** The LAN that is bridged. */
  readonly lan: () => LanPortState | undefined;
  readonly tell: (event: NodeEvent) => void;
}

export class InterfaceWatch {
  readonly #parts: InterfaceWatchParts;
  #clash: ClashReport | undefined;
  /** A LAN was joined. */
  #hadLan = false;

  constructor(parts: InterfaceWatchParts) {
    this.#parts = parts;
  }

  /** What of this machine lies in the range now, unless the operator allowed it. A default route that leads nowhere is told in any case. */
  get clash(): ClashReport | undefined {
    const { range, allowed } = this.#parts;
    if (this.#clash?.through !== undefined) return this.#clash;
    return isAllowed(range, cidrsOf(allowed)) ? undefined : this.#clash;
  }

  /** The interface was just made; what clashes from the beginning was told before. */
  start(): void {
    this.#clash = this.#clashNow();
    try {
      // Pods outlive the node.
      this.joinPods();
    } catch (thrown) {
      this.#parts.log.error('pods are cut off', { reason: messageOf(thrown) });
    }
  }

  /** Joins the interface with its port for pods; false: there is none. Throws EvioError EVIO_DEVICE. */
  joinPods(): boolean {
    const joined = this.join();
    const { log, plane } = this.#parts;
    if (joined) log.info('pods are neighbours in the network', { device: plane.deviceName });
    return joined;
  }

  /** Joins the interface with all its ports, as they are now. True: pods take part. Throws EvioError EVIO_DEVICE. */
  join(): boolean {
    const { plane, joinPorts, lan } = this.#parts;
    const before = this.#hadLan;
    this.#hadLan = lan() !== undefined;
    return joinPorts(plane.deviceName, lan(), before);
  }

  look(): void {
    const { log, network, plane, tell, mended } = this.#parts;
    const what = plane.mend();
    const { deviceName: device } = plane;
    if (what.length > 0) {
      log.warn('interface was changed by another program, and is mended', { device, what });
      tell({ event: 'interface-mended', network, device, what: [...what] });
      mended();
    }
    const clash = this.#clashNow();
    if (isDeepStrictEqual(clash, this.#clash)) return;
    this.#clash = clash;
    if (!clash) {
      log.info('nothing of this machine lies in the range of the network any more', { device });
      return;
    }
    log.warn('another interface lies in the range of the network', { ...clash });
    const { kind, cidr } = clash;
    tell({ event: 'range-clash', network, device: clash.device, kind, cidr });
  }

  #clashNow(): ClashReport | undefined {
    const { clash, range } = this.#parts;
    const found = clash(range);
    if (!found) return undefined;
    const { device, kind, cidr, through } = found;
    return { device, kind, cidr: formatCidr(cidr), ...(through === undefined ? {} : { through }) };
  }
}
