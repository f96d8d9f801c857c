/** Sizes of the buffers that frames and packets lie in. */

/** Largest IP datagram, which bounds TAP super-frames and UDP batches. */
export const maxDatagram = 65_535;
/** Room before a frame for its virtio header and the plaintext's kind bytes, and for cache-line alignment. */
export const headroom = 64;
/** A buffer for one super-frame with its headroom, and slack for what is written behind it. */
export const frameBuffer = headroom + maxDatagram + 64 + 2_048;
