/** How many frames the kernel keeps for a program that does not read just now (netdevice(7), SIOCSIFTXQLEN). */
import { Arena } from '../native/arena.js';
import { libc, Socket } from '../native/libc.js';

const SIOCSIFTXQLEN = 0x8943;
/** `struct ifreq`: 16 bytes of name, a union of 24. */
const unionAt = 16;

/** Its default of 1 000 overflows when a busy machine lets us wait for 10 ms of small packets. */
export const queueLength = 4_000;
/** While a program is started again, which takes a second. */
export const restingQueueLength = 20_000;

/** False where the interface is gone, or it is not permitted. What waits stays, as far as there is room. */
export function setQueueLength(name: string, length: number): boolean {
  const c = libc();
  const arena = new Arena(64);
  arena.setText(0, name.slice(0, unionAt - 1));
  arena.view.setInt32(unionAt, length, true);
  const socket = c.socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const done = c.ioctl(socket, SIOCSIFTXQLEN, arena.base) >= 0;
  c.close(socket);
  return done;
}
