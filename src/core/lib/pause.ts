/** Blocks this thread: for programs that have nothing else to do meanwhile. @param ms less than a second or so */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
