/**
 * The LAN that this node bridges with its network: what the operator chose, the port to it on this machine, and whether frames
 * pass (bridging/lan-guard.ts). The choice stands in the profile; what is on the machine goes when the node stops, and what a
 * killed node left goes, or is gone on with, when the next one starts.
 */
import type { LanReport, LanState } from '../bridging/report.js';
import { LanGuard } from '../bridging/lan-guard.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import { Right } from '../identity/invite.js';
import { macOf } from '../identity/node-id.js';
import type { Clock, Logger } from '../lib/env.js';
import { EvioError, messageOf } from '../lib/errors.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { BridgedLan, Profile } from '../membership/profile.js';
import type { Peers } from '../peer/peers.js';
import { lanWordOf } from '../wire/lan-hello.js';

/** What is on the machine is put right this often, whoever changed it. */
const lookEveryMs = 5_000;

/** A LAN's connection on this machine (tap/lan-link.ts). */
export interface LanLink {
  /** Throws EvioError EVIO_BAD_VALUE, EVIO_BRIDGE_REFUSED. */
  check(networkId: string, device: string, force: boolean): void;
  /** The name of the port; idempotent. Throws EvioError EVIO_DEVICE. */
  connect(networkId: string, device: string, mac: Uint8Array): string;
  disconnect(networkId: string): boolean;
  /** How a process before this one left it. */
  left(networkId: string): LanState | undefined;
  label(networkId: string, device: string, state: LanState): void;
}

/** The port as filters need it (tap/joined-ports.ts). */
export interface LanPortState {
  readonly port: string;
  readonly word: number;
  readonly open: boolean;
}

/** What the operator chose: it outlives a run of the node. */
export interface BridgeSettings {
  lan: BridgedLan | undefined;
}

export interface BridgeParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly credential: OwnCredential;
  readonly name: string;
  readonly settings: BridgeSettings;
  readonly plane: Pick<DataPlane, 'setLan' | 'sendLan'>;
  readonly members: Peers;
  /** None: no LAN can be bridged here. */
  readonly link: LanLink | undefined;
  /** Sets the filters of the interface anew. Throws EvioError EVIO_DEVICE. */
  readonly join: () => void;
}

export class Bridge {
  readonly #parts: BridgeParts;
  readonly #network: string;
  readonly #word: number;
  #guard: LanGuard | undefined;
  #port: string | undefined;
  #fault: string | null = null;
  #lookAt = Infinity;
  #refused = 0;

  constructor(parts: BridgeParts) {
    this.#parts = parts;
    this.#network = parts.credential.self.networkId;
    this.#word = lanWordOf(this.#network);
  }

  /** The port, where there is one. */
  get lan(): LanPortState | undefined {
    return this.#port === undefined
      ? undefined
      : { port: this.#port, word: this.#word, open: this.#guard?.state === 'open' };
  }

  /** The interface is up. @param inherited another process goes on in this one: frames go on passing, if they did */
  start(inherited: boolean): void {
    const { settings, link, log } = this.#parts;
    try {
      const left = link?.left(this.#network);
      if (settings.lan) this.#begin(inherited && left === 'open');
      else link?.disconnect(this.#network);
    } catch (thrown) {
      log.warn('LAN not disconnected', { reason: messageOf(thrown) });
    }
  }

  /** Takes everything back. */
  stop(): void {
    const { link, plane, log } = this.#parts;
    const had = this.#port !== undefined;
    this.#rest();
    if (!had) return;
    plane.setLan('off', this.#word);
    try {
      link?.disconnect(this.#network);
    } catch (thrown) {
      log.warn('LAN not disconnected', { reason: messageOf(thrown) });
    }
  }

  /** Another process goes on with what is on the machine. */
  letGo(): void {
    this.#rest();
  }

  #rest(): void {
    this.#guard?.stop();
    this.#guard = undefined;
    this.#port = undefined;
    this.#lookAt = Infinity;
  }

  /**
   * Passes what this node may bridge.
   *
   * @throws EvioError EVIO_NO_RIGHT, EVIO_BRIDGE_REFUSED, EVIO_BAD_VALUE
   */
  check({ interface: device, force }: BridgedLan): void {
    const { credential, link } = this.#parts;
    if ((credential.self.certificate.rights & Right.bridge) === 0) {
      throw new EvioError('EVIO_NO_RIGHT', 'This machine may not bridge a LAN.', [
        'It needs the right "bridge", which the token gives that it joins by: "evio token create --right bridge"',
        'The machine that makes a network has it from the start: "evio init --right bridge"',
      ]);
    }
    if (!link) {
      throw new EvioError('EVIO_BRIDGE_REFUSED', 'A node without an interface of its own bridges no LAN.', [
        'Run it without --userspace.',
      ]);
    }
    link.check(this.#network, device, force);
  }

  /** The settings were changed. */
  reconfigured(): void {
    this.stop();
    this.#parts.join();
    if (this.#parts.settings.lan) this.#begin(false);
  }

  #begin(open: boolean): void {
    const { clock, credential, name, plane, members } = this.#parts;
    const { self } = credential;
    const now = clock.now();
    this.#guard = new LanGuard({
      ...{ idText: self.idText, mac: macOf(self.id), keys: self.keys, word: this.#word, name },
      date: () => clock.date(),
      credential: () => credential.bytes,
      memberOf: (document) => members.take(document)?.member,
      connected: () => members.all().some(({ state }) => state === 'connected'),
      say: (frame) => {
        plane.sendLan(frame);
      },
      turned: (state) => {
        this.#turned(state);
      },
    });
    this.#guard.start(now, open);
    this.#connect(now, open);
  }

  /** Makes the port, or sees that it is there. @param kept by the process before, open */
  #connect(now: number, kept = false): void {
    const { settings, link, log, join, plane, credential } = this.#parts;
    const { lan } = settings;
    if (!lan || !link || !this.#guard) return;
    this.#lookAt = now + lookEveryMs;
    try {
      const before = this.#port !== undefined && link.left(this.#network) !== undefined;
      link.check(this.#network, lan.interface, lan.force);
      this.#port = link.connect(this.#network, lan.interface, macOf(credential.self.id));
      if (!before || this.#fault !== null) {
        // Where the process before had it open the filters stand, and setting them anew would lose frames.
        if (!kept) join();
        this.#apply(this.#guard.state);
        log.info('a LAN is connected', { interface: lan.interface });
      }
      this.#fault = null;
    } catch (thrown) {
      if (this.#port !== undefined) plane.setLan('off', this.#word);
      this.#port = undefined;
      const reason = messageOf(thrown);
      if (reason !== this.#fault) log.warn('the LAN is not bridged', { interface: lan.interface, reason });
      this.#fault = reason;
    }
  }

  #turned(state: LanState): void {
    const { settings, log, join, clock } = this.#parts;
    const { reason } = this.#guard?.report(clock.now()) ?? { reason: null };
    log.info('bridging of the LAN', {
      interface: settings.lan?.interface,
      state,
      reason: reason ?? undefined,
    });
    if (this.#port === undefined) return;
    try {
      join();
      this.#apply(state);
    } catch (thrown) {
      this.#fault = messageOf(thrown);
    }
  }

  #apply(state: LanState): void {
    const { settings, link, plane } = this.#parts;
    plane.setLan(state === 'open' ? 'open' : 'closed', this.#word);
    if (settings.lan) link?.label(this.#network, settings.lan.interface, state);
  }

  /** A frame with a hello came from the LAN. */
  heard(frame: Uint8Array): void {
    if (this.#guard?.heard(this.#parts.clock.now(), frame) === false) this.#refused++;
  }

  get dueAt(): number {
    return Math.min(this.#lookAt, this.#guard?.dueAt ?? Infinity);
  }

  tick(now: number): void {
    if (now >= this.#lookAt) this.#connect(now);
    if (this.#fault === null) this.#guard?.tick(now);
  }

  report(): LanReport | undefined {
    const { settings, clock } = this.#parts;
    if (!settings.lan || !this.#guard) return undefined;
    const guard = this.#guard.report(clock.now());
    return {
      interface: settings.lan.interface,
      ...guard,
      ...(this.#fault === null ? {} : { state: 'failed' as const, reason: this.#fault }),
      refusedHellos: this.#refused,
    };
  }
}

/** The profile with this choice. */
export function withBridge({ bridge: _, ...rest }: Profile, lan: BridgedLan | undefined): Profile {
  return lan ? { ...rest, bridge: lan } : rest;
}
