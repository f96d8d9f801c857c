/** What the prober of a peer needs of others. */
import type { BesidePath, Path } from '../dataplane/plane/plane.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { ActivePath, RelayChoice } from './path.js';

export interface ProberPorts {
  /** Seals and sends a ping of `size` bytes. */
  ping(transaction: number, size: number, path: Path): void;
  /** Sends our candidates under a new sequence number, by the active path. */
  offer(): void;
  /** `beside`: that is in doubt, and everything goes this way as well. */
  setPath(path: Path | null, beside: BesidePath | undefined): void;
  /** The path in use is in doubt: what stands behind it (the relay links) had better be checked. */
  suspicious(): void;
  /** Ways to this peer through relays, then through members; best first. */
  relays(): readonly RelayChoice[];
  changed(from: ActivePath | null, to: ActivePath | null): void;
  log(event: string, detail: string): void;
  /** False: no direct path is looked for, nor taken. */
  readonly direct: boolean;
  /** One ping more may go to an address where this peer has not answered, and is counted. */
  blind(now: number, endpoint: Endpoint): boolean;
  /** Packets to this address would be carried by the network itself. */
  loops(host: string): boolean;
  /** Packets to this address leave by an interface of which nobody sees on what it stands: it may be the network itself. */
  veiled(host: string): boolean;
}
