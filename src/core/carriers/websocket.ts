/** A relay's WebSocket as a carrier: for data when UDP to the relay is blocked. */
import type { Carrier, Carriers } from './carrier.js';

export interface WebSocketPorts {
  /** False when the WebSocket is down or too slow: the batch was dropped. */
  send(destination: Uint8Array, batch: Uint8Array): boolean;
  /** The sender of a packet must be online at the relay. True when that was not known. */
  heard(idText: string): boolean;
}

export class WebSocketCarrier implements Carrier {
  readonly kind = 'websocket';
  readonly id: number;
  readonly #carriers: Carriers;
  readonly #ports: WebSocketPorts;

  constructor(carriers: Carriers, ports: WebSocketPorts) {
    this.#carriers = carriers;
    this.#ports = ports;
    this.id = carriers.add(this);
  }

  send(destination: Uint8Array, batch: Uint8Array): void {
    this.#ports.send(destination, batch);
  }

  heard(idText: string): boolean {
    return this.#ports.heard(idText);
  }

  /** A batch that the relay vouches is from `source`. */
  arrived(source: Uint8Array, batch: Uint8Array): void {
    this.#carriers.arrived(this.id, source, batch);
  }

  /** Packets that are still under way are dropped. */
  close(): void {
    this.#carriers.remove(this.id);
  }
}
