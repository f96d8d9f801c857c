/** What a peer needs of the node around it, and what it tells. */
import type { DataPlane, Path } from '../dataplane/plane/plane.js';
import type { Env } from '../lib/env.js';
import type { ActivePath, RelayChoice } from '../path/path.js';
import type { Candidate } from '../wire/candidate.js';
import type { NatNews } from '../wire/nat.js';
import type { RingMessage } from '../wire/ring.js';
import type { NamedAddresses } from './named-addresses.js';
import type { SessionContext } from './session.js';

/** @typeParam Peer what tells it: `Peer` of peer.ts, which uses this */
export interface PeerPorts<Peer> {
  readonly env: Env;
  readonly plane: DataPlane;
  /** Sends a handshake packet: by the plane, or by the WebSocket that the path names. */
  sendPacket(packet: Uint8Array, path: Path): void;
  readonly session: SessionContext;
  /** Of all peers together. */
  readonly named: NamedAddresses;
  /** Length of a ping that fills the longest packet. */
  readonly fullPing: number;
  /** Ways that need no probing, for handshakes and for what the two of us tell each other: through relays, then members. */
  relays(peer: Peer): readonly RelayChoice[];
  /** Those of them that data may take. */
  dataWays(peer: Peer): readonly RelayChoice[];
  /** False: nothing is sent to an address of a peer, and nothing from there is answered. */
  readonly direct: boolean;
  /** Packets to this address would be carried by the network itself: none are sent there. */
  loops(host: string): boolean;
  /** They leave by an interface of which nobody sees on what it stands. */
  veiled(host: string): boolean;
  candidates(): readonly Candidate[];
  /** What it should know of our NAT. */
  nat(): NatNews;
  /** Packets go out to addresses of it for the first time. */
  punching(): void;
  /** Something may be wrong with UDP to the relays: bind again. Costs little. */
  checkRelays(): void;
  /** Something is wrong with what goes through relays: check the WebSockets too. */
  relaySilent(): void;
  connected(peer: Peer): void;
  moved(peer: Peer, from: ActivePath | null, to: ActivePath | null): void;
  /** The peer is another process than before; it stays connected. */
  restarted(peer: Peer): void;
  disconnected(peer: Peer): void;
  /** Answers to pings that the prober did not send. */
  pong(peer: Peer, transaction: number): void;
  /** Frames went to or came from it since the last tick. */
  used(peer: Peer): void;
  /** Packets began to go out to it with nothing coming back: once, until something came. */
  unanswered(peer: Peer): void;
  /** A message about the ring. */
  ring(peer: Peer, message: RingMessage): void;
}
