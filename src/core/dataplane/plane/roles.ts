/**
 * Who does what among the packet threads.
 *
 * One thread does everything. Of more, one half reads the interface and sends, the other half receives and writes to the
 * interface. Each transmitter has a queue of the interface, with the frames for some addresses; each receiver
 * has a socket, of which the kernel chooses one by addresses and ports, so always the same for a path.
 */
export interface ThreadRole {
  /** Reads its queue of the interface. All write to theirs. */
  readonly transmits: boolean;
  /** Reads its socket. All send by theirs. */
  readonly receives: boolean;
  /** Keeps account of broadcasts and multicast groups for all. */
  readonly steward: boolean;
  readonly queue: number;
  readonly socket: number;
}

export interface ThreadRoles {
  readonly threads: readonly ThreadRole[];
  readonly queues: number;
  readonly sockets: number;
}

/** Threads that may be asked for. */
export const threadLimit = 64;

/** The roles of so many threads. */
export function rolesOf(count: number): ThreadRoles {
  return count <= 1 ? rolesFor(1, 0) : rolesFor(count >> 1, count - (count >> 1));
}

/** One thread for each queue, which transmits, and one for each socket, which receives; without sockets one for both. */
export function rolesFor(queues: number, sockets: number): ThreadRoles {
  if (sockets === 0) {
    const only = { transmits: true, receives: true, steward: true, queue: 0, socket: 0 };
    return { threads: [only], queues: 1, sockets: 1 };
  }
  const threads = Array.from({ length: queues + sockets }, (_, i): ThreadRole => {
    const transmits = i < queues;
    const socket = transmits ? i % sockets : i - queues;
    const queue = transmits ? i : socket % queues;
    return { transmits, receives: !transmits, steward: i === 0, queue, socket };
  });
  return { threads, queues, sockets };
}

/**
 * Threads of a machine with so many processors. With two, the programs that use the network and the kernel fill the
 * second as it is, and a thread more costs a little (docs/performance.md).
 */
export function defaultThreads(processors: number): number {
  return processors >= 4 ? 2 : 1;
}
