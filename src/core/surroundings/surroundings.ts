/**
 * How this machine is placed: its own addresses, what the outside sees of them, and when either changes.
 * The interface list is a port; STUN packets leave by the data plane's socket.
 */
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { Cidr } from '../lib/ipv4.js';
import { gatherCandidates, usableAddresses, type LocalAddress } from './candidate.js';
import { NatObserver, type NatMapping } from './nat.js';
import { StunClient } from './stun-client.js';
import type { Candidate } from '../wire/candidate.js';

/** How often interface addresses are compared; a jump of the calendar by more than this says that the machine slept. */
const watchMs = 1_000;
const sleepJumpMs = 10_000;

export interface SurroundingsPorts {
  readonly env: Env;
  addresses(): LocalAddress[];
  sendStun(request: Uint8Array, server: Endpoint): void;
  /** Own interface and network, which are no candidates. */
  readonly device: string;
  readonly cidr: Cidr;
  /** UDP port of the data socket. */
  readonly port: number;
  /** A reflexive address that was not known. */
  discovered(): void;
  /** Interfaces changed or the machine slept: everything that was learnt about the way out is in doubt. */
  changed(): void;
}

export class Surroundings {
  readonly #ports: SurroundingsPorts;
  readonly #nat = new NatObserver();
  readonly #stun: StunClient;
  #hosts: string[];
  #watchAt: number;
  #lastDate: number;

  constructor(ports: SurroundingsPorts) {
    this.#ports = ports;
    const { env } = ports;
    this.#hosts = this.#localHosts();
    this.#watchAt = env.clock.now() + watchMs;
    this.#lastDate = env.clock.date();
    this.#stun = new StunClient(
      env.random,
      (request, server) => {
        ports.sendStun(request, server);
      },
      (server, mapped) => {
        this.observed(server, mapped);
      },
    );
  }

  get mapping(): NatMapping {
    return this.#nat.mapping(this.#hosts);
  }

  get reflexive(): readonly Endpoint[] {
    return this.#nat.reflexive;
  }

  /** Where peers may try to reach us. */
  get candidates(): Candidate[] {
    return gatherCandidates(this.#hosts, this.#ports.port, this.#nat.reflexive);
  }

  /** When `tick` has something to do: ms of the clock. */
  get dueAt(): number {
    return Math.min(this.#stun.dueAt, this.#watchAt);
  }

  /** `server` sees our data socket as `mapped`. */
  observed(server: Endpoint, mapped: Endpoint): void {
    const { env } = this.#ports;
    if (!this.#nat.add(env.clock.now(), server, mapped)) return;
    env.log.debug('reflexive address', { server: formatEndpoint(server), observed: formatEndpoint(mapped) });
    this.#ports.discovered();
  }

  ask(servers: readonly Endpoint[]): void {
    for (const server of servers) this.#stun.ask(this.#ports.env.clock.now(), server);
  }

  receiveStun(now: number, packet: Uint8Array, from: Endpoint): void {
    this.#stun.receive(now, packet, from);
  }

  tick(now: number): void {
    this.#stun.tick(now);
    if (now >= this.#watchAt) this.#watch(now);
  }

  #watch(now: number): void {
    this.#watchAt = now + watchMs;
    const { env } = this.#ports;
    const date = env.clock.date();
    const slept = date - this.#lastDate > sleepJumpMs;
    this.#lastDate = date;
    const hosts = this.#localHosts();
    const same = hosts.length === this.#hosts.length && hosts.every((host, i) => host === this.#hosts[i]);
    if (same && !slept) return;
    env.log.info(slept ? 'machine resumed' : 'addresses changed', { addresses: hosts });
    this.#hosts = hosts;
    this.#nat.clear();
    this.#stun.refresh(now);
    this.#ports.changed();
  }

  #localHosts(): string[] {
    const { device, cidr } = this.#ports;
    return usableAddresses(this.#ports.addresses(), { devices: [device], cidrs: [cidr] });
  }
}
