/** Members whose place on the ring is seen from their number: `memberAt(0x40)` sits a quarter of the way round. */
import type { Place } from '../../../src/core/topology/ring.js';
import { positionOfText } from '../../../src/core/topology/position.js';
import type { TableMessage } from '../../../src/core/wire/ring.js';

/** @param n 0 ... 255 */
export function idAt(n: number): string {
  return n.toString(16).padStart(2, '0').padEnd(32, '0');
}

export function memberAt(n: number): Place {
  return { id: idAt(n), position: positionOfText(idAt(n)) };
}

/** A table of a settled switch without links. */
export function tableOf(fields: Partial<TableMessage> = {}): TableMessage {
  return {
    type: 'table',
    version: 1,
    claims: 0,
    leaf: false,
    settled: true,
    successors: [],
    predecessors: [],
    others: [],
    indirect: [],
    ...fields,
  };
}
