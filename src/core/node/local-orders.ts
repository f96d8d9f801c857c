/** What a person orders of this machine beside membership and subnets: a LAN to bridge, a way out, programs to offer, keys for a capture. */
import type { LanReport } from '../bridging/report.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Logger } from '../lib/env.js';
import type { Turn } from '../lib/turn.js';
import type { BridgedLan, Profile } from '../membership/profile.js';
import type { ExitReport } from '../subnets/exit-report.js';
import { exitCidr } from '../subnets/exits.js';
import type { Subnets } from '../subnets/subnets.js';
import { keyLogLine } from '../wire/key-log.js';
import { withBridge } from './bridge.js';
import type { Local } from './compose-local.js';
import { withExit } from './exit.js';
import type { LocalSettings } from './local-settings.js';
import type { NodeLocal, OfferedPort } from './node.js';
import type { Reporter } from './reporter.js';
import type { OfferedService } from './reports.js';
import { withService, withServices } from './services.js';

export interface LocalOrdersParts {
  readonly settings: LocalSettings;
  readonly log: Logger;
  /** Throws EvioError EVIO_NOT_RUNNING. */
  readonly live: () => Local & {
    readonly turn: Turn;
    readonly plane: DataPlane;
    readonly subnets: Subnets;
    readonly reporter: Reporter;
  };
  readonly announce: (cidr: string, shared: boolean) => Promise<void>;
  readonly withdraw: (cidr: string) => Promise<void>;
  readonly changeProfile: (change: (profile: Profile) => Profile) => Promise<unknown>;
}

/** Each order is first on disk, then in effect. */
export class LocalOrders implements NodeLocal {
  readonly #parts: LocalOrdersParts;

  constructor(parts: LocalOrdersParts) {
    this.#parts = parts;
  }

  bridge(): LanReport | undefined {
    return this.#parts.live().bridge.report();
  }

  async setBridge(lan: BridgedLan | undefined): Promise<void> {
    const { live, settings, changeProfile } = this.#parts;
    const { bridge, turn } = live();
    if (lan) bridge.check(lan);
    await changeProfile((profile) => withBridge(profile, lan));
    settings.bridge.lan = lan;
    turn.input(() => {
      bridge.reconfigured();
    });
  }

  exit(): ExitReport {
    return this.#parts.live().exit.report();
  }

  async announceExit(offered: boolean): Promise<void> {
    const { live, announce, withdraw } = this.#parts;
    await (offered ? announce(exitCidr, true) : withdraw(exitCidr));
    const { exit, turn } = live();
    turn.input(() => {
      exit.reconfigured();
    });
  }

  async useExit(wanted: { readonly peer: string; readonly allowLan: boolean } | undefined): Promise<void> {
    const { live, settings, changeProfile } = this.#parts;
    const { exit, turn, reporter, subnets } = live();
    const peer = wanted && (await reporter.find(wanted.peer)).member;
    if (peer) exit.check(peer.idText, peer.name);
    const used = peer && { id: peer.idText, name: peer.name, allowLan: wanted.allowLan };
    await changeProfile((profile) => withExit(profile, used));
    settings.exit.used = used;
    turn.input(() => {
      subnets.reconfigured();
      exit.reconfigured();
    });
  }

  services(): OfferedService[] {
    return this.#parts.live().reporter.services();
  }

  async offerService(service: OfferedPort): Promise<void> {
    const { live, settings, changeProfile } = this.#parts;
    const { services, turn } = live();
    const offered = withService(settings.services.offered, service);
    await changeProfile((profile) => withServices(profile, offered));
    settings.services.offered = offered;
    turn.input(() => {
      services.reconfigured();
    });
  }

  watchKeys(told: (lines: string) => void): () => void {
    const { live, log } = this.#parts;
    const unwatch = live().plane.watchKeys?.((member, keys) => {
      const { localIndex, remoteIndex, suite, receiveKey, sendKey } = keys;
      told(
        keyLogLine({ direction: 'receive', index: localIndex, suite, key: receiveKey, member }) +
          keyLogLine({ direction: 'send', index: remoteIndex, suite, key: sendKey, member }),
      );
    });
    log.warn('session keys are told to a capture');
    return () => {
      unwatch?.();
      log.info('session keys are told to a capture no more');
    };
  }
}
