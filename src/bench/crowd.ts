/**
 * Many members in one process, each a whole node (certificate, Noise sessions, liveness, packet loop, a UDP socket of
 * its own) but without interface and thread: company for one real node, the hub. A program of `many-peers.ts`:
 *
 *     node dist/bench/crowd.js '{"token":…,"addresses":[…],"firstIp":…,"hub":{"name":…,"ip":…,"id":…,"credential":…,"endpoint":…}}'
 *
 * They are leaves, and the hub is the only switch: so each keeps one link, with the hub, and none with another. Commands
 * come as JSON lines on standard input, answers leave on standard output. Traffic is ICMP echo: the kernel behind the
 * hub answers, so what goes to the hub comes back, and every packet is opened once and sealed once there.
 */
import { createInterface } from 'node:readline';
import { emptyState } from '../core/membership/profile.js';
import { Engine } from '../core/node/engine.js';
import { makeMember } from '../core/membership/certify.js';
import { macOf } from '../core/identity/node-id.js';
import { selfOf, type Self } from '../core/membership/self.js';
import { decodeToken, type Token } from '../core/identity/token.js';
import { fromHex } from '../core/lib/bytes.js';
import { silentLogger, systemClock, systemRandom } from '../core/lib/env.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { formatIpv4, parseIpv4 } from '../core/lib/ipv4.js';
import { Arena, mapLow } from '../core/native/arena.js';
import { libc, Mmap, PollEvent, polled, Pollfd } from '../core/native/libc.js';
import { ethernetHeaderLength } from '../core/wire/ethernet.js';
import { fold, ipv4HeaderChecksum, ipv4HeaderLength, onesSum, Protocol } from '../core/wire/ip.js';
import { crowdArena, CrowdPlane } from './crowd-plane.js';
import { sleep } from '../lab/exec.js';

export interface CrowdSetup {
  readonly token: string;
  /** Addresses of this machine, where the members' sockets are: one alone may not shake hands so often (noise/load.ts). */
  readonly addresses: readonly string[];
  /** Overlay address of the first member; the others follow. */
  readonly firstIp: string;
  readonly hub: {
    readonly name: string;
    readonly ip: string;
    readonly id: string;
    /** base64url */
    readonly credential: string;
    /** HOST:PORT */
    readonly endpoint: string;
  };
}

export type CrowdCommand =
  /** Adds members until there are so many, and waits until all are connected. */
  | { readonly do: 'grow'; readonly members: number }
  /**
   * Echo requests of `size` bytes (the whole frame) from the first `members` by turns, `burst` from one before the next
   * has its turn, for `seconds`. `window` are under way at most.
   */
  | {
      readonly do: 'echo';
      readonly members: number;
      readonly burst: number;
      readonly size: number;
      readonly window: number;
      readonly seconds: number;
    }
  | { readonly do: 'stop' };

/** Answer to `echo`. */
export interface EchoReport {
  readonly sent: number;
  readonly returned: number;
  readonly seconds: number;
}

const maxMembers = 1_000;
/** Handshakes that are begun at once. */
const batch = 32;
const growMs = 120_000;
/** Nothing comes back for so long: what is under way is lost. */
const lostAfterMs = 200;
/** How often sockets are looked at without traffic; timers have their turn between two looks under load. */
const idleMs = 2;
const turnMs = 4;
/** Members that one block of memory holds: mapping goes by steps of 64 MB below 2 GiB. */
const blockMembers = Math.floor((60 << 20) / crowdArena);

interface Echo {
  readonly members: number;
  readonly burst: number;
  readonly window: number;
  readonly until: number;
  next: number;
  sent: number;
  lost: number;
  readonly before: number;
  returned: number;
  movedAt: number;
  done(): void;
}

class Member {
  readonly engine: Engine;
  readonly plane: CrowdPlane;
  readonly self: Self;
  /** Echo request that it sends. */
  frame: Uint8Array = new Uint8Array(0);

  private constructor(engine: Engine, plane: CrowdPlane, self: Self) {
    this.engine = engine;
    this.plane = plane;
    this.self = self;
  }

  static async start(setup: CrowdSetup, token: Token, number: number, memory: number): Promise<Member> {
    const env = { clock: systemClock, random: systemRandom, log: silentLogger };
    const { hub } = setup;
    const ip = formatIpv4((parseIpv4(setup.firstIp) ?? 0) + number);
    const address = setup.addresses[number % setup.addresses.length] ?? '0.0.0.0';
    const profile = makeMember(token, { name: `m${number}`, role: 'leaf', ip }, env);
    const planes: CrowdPlane[] = [];
    const engine = new Engine(
      {
        profile,
        state: { ...emptyState, members: [hub.credential], endpoints: { [hub.id]: [hub.endpoint] } },
        saveState: () => undefined,
        env,
        version: 'crowd',
        links: [hub.name],
      },
      {
        makePlane: (options) => {
          const plane = new CrowdPlane({ ...options, bindAddress: address }, memory);
          planes.push(plane);
          return plane;
        },
        addresses: () => [{ device: 'eth0', address, internal: false }],
      },
    );
    await engine.start();
    return new Member(engine, planes[0] as CrowdPlane, selfOf(profile));
  }

  get connected(): boolean {
    return this.engine.peers().some((peer) => peer.state === 'connected' && peer.path?.kind === 'direct');
  }
}

/** An ICMP echo request (RFC 792), `size` bytes with its Ethernet header. */
function echoRequest(self: Self, hubMac: Uint8Array, hubIp: number, size: number): Uint8Array {
  const frame = new Uint8Array(size);
  const view = new DataView(frame.buffer);
  const [ip, icmp] = [ethernetHeaderLength, ethernetHeaderLength + ipv4HeaderLength];
  frame.set(hubMac, 0);
  frame.set(macOf(self.id), 6);
  view.setUint16(12, 0x0800);
  view.setUint16(ip, 0x4500);
  view.setUint16(ip + 2, size - ip);
  view.setUint16(ip + 8, 0x4000 | Protocol.icmp);
  view.setInt32(ip + 12, self.certificate.ip | 0);
  view.setInt32(ip + 16, hubIp | 0);
  view.setUint16(ip + 10, ipv4HeaderChecksum(view, ip, ipv4HeaderLength));
  view.setUint16(icmp, 0x0800);
  for (let at = icmp + 8; at < size; at++) frame[at] = at;
  view.setUint16(icmp + 2, ~fold(onesSum(view, icmp, size - icmp)) & 0xffff);
  return frame;
}

/** Memory that is not touched before it is used; calls with its addresses are a little slower. */
function mapAnywhere(length: number): number {
  const { read, write, private: own, anonymous } = Mmap;
  const address = libc().mmap(0, length, read | write, own | anonymous, -1, 0);
  if (address >= 2 ** 63) throw new EvioError('EVIO_LAB', 'no memory for more members');
  return address;
}

class Crowd {
  readonly #setup: CrowdSetup;
  readonly #token: Token;
  readonly #hubMac: Uint8Array;
  readonly #members: Member[] = [];
  readonly #arena = new Arena(64 + maxMembers * Pollfd.size);
  readonly #pollfds = this.#arena.alloc(maxMembers * Pollfd.size);
  #block = { address: 0, used: blockMembers };
  #stopped = false;
  #echo: Echo | undefined;

  constructor(setup: CrowdSetup) {
    this.#setup = setup;
    this.#token = decodeToken(setup.token);
    const id = fromHex(setup.hub.id);
    if (!id) throw new EvioError('EVIO_LAB', 'the id of the hub is not hexadecimal');
    this.#hubMac = macOf(id);
    void this.#turn();
  }

  get size(): number {
    return this.#members.length;
  }

  /** Throws EVIO_LAB when not all are connected in time. */
  async grow(to: number): Promise<void> {
    if (to > maxMembers) throw new EvioError('EVIO_LAB', `a crowd has at most ${maxMembers} members`);
    const deadline = performance.now() + growMs;
    let begun = this.#members.length;
    while (this.#members.length < to) {
      const member = await Member.start(this.#setup, this.#token, this.#members.length, this.#memory());
      const at = this.#pollfds + this.#members.length * Pollfd.size;
      this.#arena.view.setInt32(at + Pollfd.fd, member.plane.fd, true);
      this.#arena.view.setUint16(at + Pollfd.events, PollEvent.in, true);
      this.#members.push(member);
      if (this.#members.length - begun < batch) continue;
      await this.#connected(begun, deadline);
      begun = this.#members.length;
    }
    await this.#connected(0, deadline);
  }

  async #connected(from: number, deadline: number): Promise<void> {
    for (const member of this.#members.slice(from)) {
      while (!member.connected) {
        if (performance.now() > deadline) {
          const missing = this.#members.filter((m) => !m.connected).length;
          throw new EvioError('EVIO_LAB', `${missing} of ${this.#members.length} members found no path`);
        }
        await sleep(5);
      }
    }
  }

  #memory(): number {
    if (this.#block.used === blockMembers) {
      const address = mapLow(blockMembers * crowdArena) || mapAnywhere(blockMembers * crowdArena);
      this.#block = { address, used: 0 };
    }
    return this.#block.address + this.#block.used++ * crowdArena;
  }

  /** Looks at the sockets for as long as the crowd lives. Timers of the engines have their turn in between. */
  async #turn(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#echo) {
        this.#receive();
        await sleep(idleMs);
        continue;
      }
      for (const until = performance.now() + turnMs; this.#echo && performance.now() < until;) {
        this.#send(this.#echo);
        this.#receive();
        this.#tally(this.#echo);
      }
      await new Promise(setImmediate);
    }
  }

  #receive(): void {
    const { view, base } = this.#arena;
    let left = libc().poll(base + this.#pollfds, this.#members.length, 0);
    for (let i = 0; left > 0 && i < this.#members.length; i++) {
      if (!polled(view, this.#pollfds, i)) continue;
      left--;
      this.#members[i]?.plane.round();
    }
  }

  #send(echo: Echo): void {
    if (performance.now() >= echo.until) return;
    while (echo.sent - echo.lost - echo.returned + echo.burst <= echo.window) {
      const member = this.#members[echo.next++ % echo.members] as Member;
      member.plane.round(member.frame, echo.burst);
      echo.sent += echo.burst;
    }
  }

  #received(count: number): number {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += this.#members[i]?.plane.received ?? 0;
    return sum;
  }

  #tally(echo: Echo): void {
    const now = performance.now();
    const returned = this.#received(echo.members) - echo.before;
    if (returned !== echo.returned) {
      echo.returned = returned;
      echo.movedAt = now;
    } else if (now - echo.movedAt > lostAfterMs) {
      echo.lost = echo.sent - echo.returned;
      echo.movedAt = now;
    }
    if (now >= echo.until && echo.sent === echo.returned + echo.lost) echo.done();
  }

  async echo(command: Extract<CrowdCommand, { do: 'echo' }>): Promise<EchoReport> {
    const { members, burst, window, size, seconds } = command;
    const hubIp = parseIpv4(this.#setup.hub.ip) ?? 0;
    if (members > this.#members.length) throw new EvioError('EVIO_LAB', `there are no ${members} members`);
    for (const member of this.#members.slice(0, members))
      member.frame = echoRequest(member.self, this.#hubMac, hubIp, size);
    const began = performance.now();
    const finished = new Promise<Echo>((resolve) => {
      const echo: Echo = {
        ...{ members, burst, window, until: began + seconds * 1_000 },
        ...{ next: 0, sent: 0, lost: 0, returned: 0, before: this.#received(members), movedAt: began },
        done: () => {
          this.#echo = undefined;
          resolve(echo);
        },
      };
      this.#echo = echo;
    });
    const { sent, returned } = await finished;
    return { sent, returned, seconds: (performance.now() - began) / 1_000 };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { engine } of this.#members) await engine.stop();
  }
}

async function main(): Promise<void> {
  const crowd = new Crowd(JSON.parse(process.argv[2] ?? '') as CrowdSetup);
  const say = (event: string, fields: object = {}): void => {
    process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
  };
  say('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as CrowdCommand;
    try {
      if (command.do === 'grow') {
        await crowd.grow(command.members);
        say('grown', { members: crowd.size });
      } else if (command.do === 'echo') {
        say('echoed', await crowd.echo(command));
      } else {
        break;
      }
    } catch (thrown) {
      say('failed', { message: messageOf(thrown) });
    }
  }
  await crowd.stop();
  process.exit(0);
}

await main();
