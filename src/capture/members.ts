/** Whom a capture knows: the members of the network, as the node tells them, asked again as time goes by. */
import { ask } from '../core/control/client.js';
import { addressBytes } from '../core/lib/endpoint.js';
import { EvioError } from '../core/lib/errors.js';
import { parseIpv4 } from '../core/lib/ipv4.js';
import { printable } from '../core/lib/printable.js';
import { commentOption, namesBlock } from '../core/wire/pcapng.js';
import { Whose, type CaptureMember } from './whose.js';

export interface KnownMember extends CaptureMember {
  /** What is written with each of its packets. */
  readonly comment: Uint8Array;
}

export class CaptureMembers {
  readonly #controlSocket: string;
  readonly #network: string;
  /** Names that the file has already, by address and name. */
  readonly #named = new Set<string>();
  whose = new Whose<KnownMember>([]);

  /** @param network its id */
  constructor(controlSocket: string, network: string) {
    this.#controlSocket = controlSocket;
    this.#network = network;
  }

  /**
   * Asks the node. Returns the names that are new as a block of the file; empty when there are none, or nobody answers.
   */
  async refresh(): Promise<Uint8Array> {
    const answer = await ask(this.#controlSocket, 'peers', { network: this.#network }).catch(
      (thrown: unknown) => {
        // A node that is upgraded is away for a moment; whether the capture goes on, its interface tells.
        if (thrown instanceof EvioError) return undefined;
        throw thrown;
      },
    );
    if (!answer) return new Uint8Array();
    this.whose = new Whose(answer.peers.flatMap((peer) => memberOf(peer) ?? []));
    const names = [answer.self, ...answer.peers].flatMap(({ name, ip, ip6 }) =>
      [ip, ip6].flatMap((text) => {
        const key = `${text} ${name}`;
        const address = bytesOf(text);
        if (this.#named.has(key) || !address) return [];
        this.#named.add(key);
        return [{ address, name: printable(name) }];
      }),
    );
    return names.length > 0 ? namesBlock(names) : new Uint8Array();
  }
}

/** Undefined for one without an address. */
function memberOf(peer: {
  id: string;
  name: string;
  mac: string;
  ip: string;
  ip6: string;
}): KnownMember | undefined {
  const [ip, ip6] = [bytesOf(peer.ip), bytesOf(peer.ip6)];
  if (!ip || !ip6) return undefined;
  const { id, name, mac } = peer;
  return { id, name, mac, ip, ip6, comment: commentOption(`peer ${printable(name)}`) };
}

/** 4 bytes of an IPv4 address, 16 of an IPv6 address. */
function bytesOf(text: string): Uint8Array | undefined {
  const bytes = addressBytes(text);
  return parseIpv4(text) === undefined ? bytes : bytes?.subarray(12);
}
