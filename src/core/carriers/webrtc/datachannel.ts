/**
 * WebRTC connections by node-datachannel (libdatachannel, libjuice), loaded when the first is made: a node that makes none
 * has neither its memory nor its threads.
 *
 * The library calls back from threads of its own by way of the event loop. An exception in such a call ends the process, so
 * every one is caught here.
 */
import { randomInt } from 'node:crypto';
import type * as Library from 'node-datachannel';
import { formatEndpoint } from '../../lib/endpoint.js';
import { messageOf } from '../../lib/errors.js';
import { pinSockets, type PortRange } from '../../native/pin-sockets.js';
import type { IceCandidate, IceDescription } from '../../wire/ice.js';
import type { Connection, ConnectionListener, ConnectionOptions } from './connection.js';
import { candidateLine, candidateOf, descriptionOf, mediaId, sdpOf } from './sdp.js';

/** What may wait in the library, bytes: a tenth of a second at 20 Mbit/s. What comes then is dropped, as by any full queue. */
export const waitingLimit = 256 * 1024;
/**
 * Each connection has one UDP socket, at one of so many ports in a row, of those that IANA leaves free for such (RFC 6335): the
 * library has no option to pin it, and by its port it is found.
 */
const portsEach = 64;
const firstPort = 49_152;
/** A call carries one channel, which both sides know of without being told. */
const channel = { unordered: true, maxRetransmits: 0, negotiated: true, id: 0 } as const;

let loading: Promise<typeof Library> | undefined;
function load(): Promise<typeof Library> {
  loading ??= import('node-datachannel');
  return loading;
}

export function openDataChannel(options: ConnectionOptions, listener: ConnectionListener): Connection {
  return new DataChannelConnection(options, listener);
}

class DataChannelConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  #peer: Library.PeerConnection | undefined;
  #channel: Library.DataChannel | undefined;
  /** What came before the library was there. */
  #early: (() => void)[] = [];
  #open = false;
  #over = false;
  readonly #ports = somePorts();

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    load().then(
      (library) => {
        this.#guard(() => {
          this.#begin(library);
        });
      },
      (thrown: unknown) => {
        this.#fail(`WebRTC is not on this machine: ${firstSentence(messageOf(thrown))}`);
      },
    );
  }

  accept(description: Omit<IceDescription, 'candidates'>): void {
    const { offers } = this.#options;
    this.#whenThere((peer) => {
      peer.setRemoteDescription(
        sdpOf(description, offers ? 'active' : 'actpass'),
        offers ? 'answer' : 'offer',
      );
      if (!offers) this.#describe(peer, 'answer');
    });
  }

  add(candidate: IceCandidate): void {
    this.#whenThere((peer) => {
      peer.addRemoteCandidate(candidateLine(candidate), mediaId);
    });
  }

  send(message: Uint8Array): boolean {
    const channel = this.#channel;
    if (!channel || !this.#open) return false;
    try {
      return channel.bufferedAmount() <= waitingLimit && channel.sendMessageBinary(message);
    } catch {
      // It was closed meanwhile, which is told in a moment.
      return false;
    }
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
  }

  #begin(library: typeof Library): void {
    if (this.#over) return;
    const { offers, servers, relayedOnly } = this.#options;
    const peer = new library.PeerConnection('evio', {
      iceServers: servers.map(({ scheme, host, port, user, password }) => ({
        hostname: host,
        port,
        ...(scheme === 'turn' && { username: user, password, relayType: 'TurnUdp' as const }),
      })),
      iceTransportPolicy: relayedOnly ? 'relay' : 'all',
      disableAutoNegotiation: true,
      portRangeBegin: this.#ports.first,
      portRangeEnd: this.#ports.last,
    });
    this.#peer = peer;
    peer.onLocalDescription((sdp) => {
      this.#guard(() => {
        const description = descriptionOf(sdp);
        if (description) this.#listener.described(description);
        else this.#fail('the library describes itself in an unknown way');
      });
    });
    peer.onLocalCandidate((line) => {
      this.#guard(() => {
        const candidate = candidateOf(line);
        if (candidate) this.#listener.found(candidate);
      });
    });
    peer.onStateChange((state) => {
      if (state === 'failed' || state === 'closed') this.#fail(`WebRTC ${state}`);
    });
    const data = peer.createDataChannel('evio', channel);
    this.#channel = data;
    data.onOpen(() => {
      this.#guard(() => {
        this.#opened(peer);
      });
    });
    data.onMessage((message) => {
      this.#guard(() => {
        if (message instanceof Uint8Array) this.#listener.received(message);
      });
    });
    data.onClosed(() => {
      this.#fail('the other side ended it');
    });
    if (offers) this.#describe(peer, 'offer');
    const early = this.#early;
    this.#early = [];
    for (const deed of early) deed();
  }

  /** The library makes its socket while it describes itself, and sends to members only when it has their candidates. */
  #describe(peer: Library.PeerConnection, as: 'offer' | 'answer'): void {
    const { device } = this.#options;
    const make = (): void => {
      peer.setLocalDescription(as);
    };
    if (device === undefined) make();
    else if (pinSockets(device, this.#ports, make) === 0) this.#fail(`no socket at the interface ${device}`);
  }

  #opened(peer: Library.PeerConnection): void {
    if (this.#over) return;
    this.#open = true;
    const pair = peer.getSelectedCandidatePair();
    const name = (side: { address: string; port: number } | undefined): string =>
      side ? formatEndpoint({ host: side.address, port: side.port }) : 'unknown';
    const how = pair
      ? `${pair.local.type} ${name(pair.local)} to ${pair.remote.type} ${name(pair.remote)}`
      : '';
    this.#listener.opened(name(pair?.remote), how);
  }

  #whenThere(deed: (peer: Library.PeerConnection) => void): void {
    const guarded = (): void => {
      this.#guard(() => {
        if (this.#peer) deed(this.#peer);
      });
    };
    if (this.#over) return;
    if (this.#peer) guarded();
    else this.#early.push(guarded);
  }

  /** What the library refuses ends the connection, and nothing else. */
  #guard(deed: () => void): void {
    if (this.#over) return;
    try {
      deed();
    } catch (thrown) {
      this.#fail(firstSentence(messageOf(thrown)));
    }
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    // Never inside a call of the owner's.
    setImmediate(() => {
      this.#listener.closed(reason);
    });
  }

  #release(): void {
    this.#open = false;
    this.#early = [];
    const peer = this.#peer;
    this.#peer = undefined;
    this.#channel = undefined;
    try {
      peer?.close();
    } catch {
      // It is closed.
    }
  }
}

function somePorts(): PortRange {
  const first = firstPort + randomInt(65_536 - portsEach - firstPort);
  return { first, last: first + portsEach - 1 };
}

function firstSentence(text: string): string {
  return text.split(/\n|\. /, 1)[0]?.slice(0, 160) ?? '';
}
