/** A plugin that waits has nothing else to do. @param ms less than a second or so */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
