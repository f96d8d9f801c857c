/** A stack with real time and chance, whose timers run by themselves. */
import { randomBytes } from 'node:crypto';
import type { DeviceOptions } from '../tap/device.js';
import { Stack } from './stack.js';

export interface DrivenStack {
  readonly stack: Stack;
  /** Its timers run no more. */
  stop(): void;
}

/** @param send takes each frame; the bytes are valid during the call only */
export function driveStack(
  { mac, ip, prefix, ip6, mtu }: Pick<DeviceOptions, 'mac' | 'ip' | 'prefix' | 'ip6' | 'mtu'>,
  send: (frame: Uint8Array) => void,
): DrivenStack {
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Infinity;
  const tick = (): void => {
    dueAt = Infinity;
    stack.tick();
  };
  const stack: Stack = new Stack({
    mac,
    ip,
    prefix,
    mtu,
    now: () => performance.now(),
    random: () => randomBytes(4).readUInt32LE(),
    output: send,
    wake: (inMs) => {
      // Asked at every frame: a timer that ends sooner will ask again.
      const wantedAt = performance.now() + inMs;
      if (wantedAt >= dueAt) return;
      clearTimeout(timer);
      dueAt = wantedAt;
      timer = setTimeout(tick, inMs);
    },
  });
  if (ip6) stack.addAddress(ip6);
  return {
    stack,
    stop: () => {
      clearTimeout(timer);
      dueAt = -Infinity;
    },
  };
}
