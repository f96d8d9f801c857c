/** The port of the host, where the host is a program. */
import { libc } from '../core/native/libc.js';
import type { Device, DeviceOptions } from '../core/tap/device.js';
import { FramePort, openCable } from '../core/userspace/frame-port.js';

export const programName = 'program';

/** One end for the packet thread, the other for `port`. */
export class ProgramDevice implements Device {
  readonly name = programName;
  readonly fds: [number];
  readonly ipv6: boolean;
  readonly datagramOffload = false;
  readonly port: FramePort;
  readonly #cable: number;
  #closed = false;

  /** @param heard is given each frame; the bytes are valid during the call only */
  constructor({ ip6 }: DeviceOptions, heard: (frame: Uint8Array) => void) {
    const [packets, cable] = openCable();
    this.fds = [packets];
    this.#cable = cable;
    this.ipv6 = ip6 !== null;
    this.port = new FramePort(cable, heard, () => undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.port.close();
    libc().close(this.#cable);
    libc().close(this.fds[0]);
  }
}
