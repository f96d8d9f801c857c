/**
 * The associations of a `ForwardTable` as rows, for another process of this machine (its clock goes on there):
 *
 *   index 4 | counter 8 | bound at 8 | node id 16 | key 32 | address 44 | observed 16 | released 1 | retired 1
 *
 * little endian. An address is a sockaddr, in the order of this machine.
 */
import { nodeIdLength } from '../../core/wire/packet.js';
import { addressRoom, maxSlots, tableViews, type Association, type TableMemory } from './forward-table.js';

const keyLength = 32;
const ipLength = 16;
const At = {
  index: 0,
  counter: 4,
  boundAt: 12,
  nodeId: 20,
  key: 36,
  address: 68,
  observed: 112,
  released: 128,
  retired: 129,
} as const;
export const rowLength = 130;

/** Rows of all associations. Nobody may change the table meanwhile. */
export function rowsOf(memory: TableMemory): Uint8Array {
  const table = tableViews(memory);
  const used = table.used.reduce((sum, one) => sum + one, 0);
  const rows = new Uint8Array(used * rowLength);
  const view = new DataView(rows.buffer);
  let row = 0;
  for (let slot = 0; slot < maxSlots; slot++) {
    if (table.used[slot] !== 1) continue;
    const put = (at: number, from: Uint8Array, length: number): void => {
      rows.set(from.subarray(slot * length, (slot + 1) * length), row + at);
    };
    view.setUint32(row + At.index, table.index[slot] as number, true);
    view.setFloat64(row + At.counter, table.counter[slot] as number, true);
    view.setFloat64(row + At.boundAt, table.boundAt[slot] as number, true);
    put(At.nodeId, table.nodeId, nodeIdLength);
    put(At.key, table.key, keyLength);
    put(At.address, table.address, addressRoom);
    put(At.observed, table.observed, ipLength);
    rows[row + At.released] = table.released[slot] as number;
    rows[row + At.retired] = table.retired[slot] as number;
    row += rowLength;
  }
  return rows;
}

/** An association, and when its node was last heard by UDP: ms of CLOCK_MONOTONIC, 0 when its packets take the WebSocket. */
export interface RowFacts {
  readonly association: Association;
  readonly udpAt: number;
}

/**
 * Fills memory that no table uses. Returns what was taken.
 *
 * @param networkOf number of the network of an association here; undefined: it is left out
 * @throws RangeError for no whole rows
 */
export function takeRows(
  memory: TableMemory,
  rows: Uint8Array,
  networkOf: (association: number) => number | undefined,
): RowFacts[] {
  if (rows.length % rowLength !== 0) throw new RangeError('no whole rows');
  const table = tableViews(memory);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const taken: RowFacts[] = [];
  table.used.fill(0);
  for (let row = 0; row < rows.length; row += rowLength) {
    const index = view.getUint32(row + At.index, true);
    const network = networkOf(index);
    if (network === undefined) continue;
    const slot = index & 0xffff;
    const part = (at: number, length: number): Uint8Array => rows.slice(row + at, row + at + length);
    const [nodeId, key, observed] = [
      part(At.nodeId, nodeIdLength),
      part(At.key, keyLength),
      part(At.observed, ipLength),
    ];
    const boundAt = view.getFloat64(row + At.boundAt, true);
    // Counted anew: what passed is told of a connection to this process.
    table.sent[slot] = table.received[slot] = 0;
    table.index[slot] = index;
    table.network[slot] = network;
    table.counter[slot] = view.getFloat64(row + At.counter, true);
    table.boundAt[slot] = boundAt;
    table.nodeId.set(nodeId, slot * nodeIdLength);
    table.key.set(key, slot * keyLength);
    table.address.set(part(At.address, addressRoom), slot * addressRoom);
    table.observed.set(observed, slot * ipLength);
    table.released[slot] = rows[row + At.released] as number;
    table.retired[slot] = rows[row + At.retired] as number;
    table.used[slot] = 1;
    taken.push({
      association: { index, key, network, nodeId, observed },
      udpAt: rows[row + At.released] === 1 ? 0 : boundAt,
    });
  }
  return taken;
}
