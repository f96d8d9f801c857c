/** The port of the host, where the host is a program: frames, or a TCP/IP stack inside this process. */
import { randomBytes } from 'node:crypto';
import { libc } from '../core/native/libc.js';
import type { Device, DeviceOptions } from '../core/tap/device.js';
import { FramePort, openCable } from '../core/userspace/frame-port.js';
import { Stack } from '../core/userspace/stack.js';

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

/** A stack whose frames go to `send`. */
export function stackFor(
  { mac, ip, prefix, ip6, mtu }: DeviceOptions,
  send: (frame: Uint8Array) => void,
): { readonly stack: Stack; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const stack: Stack = new Stack({
    mac,
    ip,
    prefix,
    mtu,
    now: () => performance.now(),
    random: () => randomBytes(4).readUInt32LE(),
    output: send,
    wake: (inMs) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        stack.tick();
      }, inMs);
    },
  });
  if (ip6) stack.addAddress(ip6);
  return {
    stack,
    stop: () => {
      clearTimeout(timer);
    },
  };
}
