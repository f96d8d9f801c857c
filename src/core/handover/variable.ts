/** Names the descriptor by which a successor hears of the process before it. */
export const handoverVariable = 'EVIO_HANDOVER';
