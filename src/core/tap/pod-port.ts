/**
 * The port by which pods of this machine take part in the network's layer 2. Whoever connects pods makes a pair of veths with
 * one end called as here; the node joins it with its own interface (joined-ports.ts), and does so anew whenever it has made that.
 */

/** Name of the port of the network whose interface has this name. */
export function podPortOf(device: string): string {
  return `${device}-port`;
}
