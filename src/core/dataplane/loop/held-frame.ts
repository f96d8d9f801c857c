/** A frame that waits: for its peer's key or path (hold.ts), or for its owner to be found (unknown.ts). */
import type { Arena } from '../../native/arena.js';

export interface HeldFrame {
  /** Kind bytes and frame. */
  readonly bytes: Uint8Array;
  /** Kind bytes before the frame. */
  readonly before: number;
  /** Length of the frame, and of the payload of its segments when it is a super-frame. */
  readonly length: number;
  readonly segment: number;
  /** When it came, ms. */
  readonly at: number;
}

/** Copies the frame at `frame`, whose kind bytes begin at `plain`, out of the read buffer. */
export function holdFrame(
  arena: Arena,
  frame: number,
  length: number,
  segment: number,
  plain: number,
  now: number,
): HeldFrame {
  const bytes = arena.u8.slice(plain, frame + length);
  return { bytes, before: frame - plain, length, segment, at: now };
}
