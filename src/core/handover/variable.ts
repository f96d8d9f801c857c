/** Names in the environment of what is so of one process, and not of how it is to work. */

/** The descriptor by which a successor hears of the process before it. */
export const handoverVariable = 'EVIO_HANDOVER';
/** Set for a process that nobody waits for. */
export const backgroundVariable = 'EVIO_BACKGROUND';
