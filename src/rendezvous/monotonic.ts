/** CLOCK_MONOTONIC, ms: the same on every thread, since the table's times outlive the thread that wrote them. Above 0. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 + 1;
}
