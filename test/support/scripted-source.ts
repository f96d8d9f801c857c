/** A node for the web view of which the test says what it tells. */
import type { Picture, WebMember, WebMessage, WebTold } from '../../src/web/model.js';
import type { WebSource } from '../../src/web/source.js';

const ways = ['direct', 'direct', 'direct', 'relay', 'overlay', null] as const;

/** The member of this number: every sixth is not connected. */
export function scriptedMember(i: number): WebMember {
  // 2654435761 is Knuth's multiplier: places all around the ring.
  const id = ((i * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').repeat(4);
  const path = ways[i % ways.length] ?? null;
  return {
    id,
    name: `node-${i}`,
    ip: `10.144.${i >> 8}.${i & 255}`,
    state: path === null ? 'idle' : 'connected',
    path,
    endpoint: path === null ? '' : '192.0.2.9:4242',
    rttMs: path === null ? null : 4 + (i % 90),
    link: i % 40 === 0 ? 'long' : null,
    rxBytes: 0,
    txBytes: 0,
    seenAt: null,
  };
}

/** A node of which the test says what it tells. */
export class ScriptedSource implements WebSource {
  name = 'home <b>';
  members: WebMember[] = [];
  #tell: ((message: WebMessage) => void)[] = [];
  #bytes = 0;
  asked: string[] = [];
  told: WebTold[] = [];

  picture(): Picture {
    this.#bytes += 3_000_000;
    return {
      kind: 'picture',
      at: Date.now(),
      network: { id: 'ab12', name: this.name, cidr: '10.144.0.0/16', mtu: 1350 },
      self: {
        id: '80000000800000008000000080000000',
        name: 'anna',
        ip: '10.144.77.1',
        ip6: 'fd00::1',
        version: '0.1.0',
        uptimeMs: 4_000_000,
        nat: 'endpoint-independent',
        rxBytes: this.#bytes,
        txBytes: this.#bytes / 3,
        drops: { 'guard-mac': 3 },
      },
      relays: [
        { url: 'evio://relay.example:3478', state: 'connected', transport: 'udp', rttMs: 12, reason: null },
      ],
      size: this.members.length + 1,
      told: this.told,
      members: this.members.map((m, i) => (m.path === null ? m : { ...m, rxBytes: (i % 7) * this.#bytes })),
    };
  }

  async networks() {
    return { networks: [{ id: 'ab12', name: this.name }] };
  }

  async why(_network: string | undefined, peer: string, from?: string) {
    this.asked.push(from === undefined ? peer : `${from} about ${peer}`);
    return {
      candidates: [{ endpoint: '192.0.2.9:4242', kind: 'its, host', state: 'chosen' }],
      log: [{ at: new Date().toISOString(), event: 'chosen', detail: 'direct by 192.0.2.9:4242' }],
      advice: ['It could not be better.', 'See the others: evio peers'],
    };
  }

  tell(message: WebMessage): void {
    for (const tell of this.#tell) tell(message);
  }

  async stream(_network: string | undefined, tell: (message: WebMessage) => void, signal: AbortSignal) {
    this.#tell.push(tell);
    tell(this.picture());
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    this.#tell = this.#tell.filter((one) => one !== tell);
  }
}
