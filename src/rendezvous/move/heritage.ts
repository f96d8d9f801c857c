/** What a relay is given by the process before it, and how that is taken over. */
import { z } from 'zod';
import { streamOf } from '../../core/native/socket-pair.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import type { HeldForwarding, HeldRelay } from './held.js';
import { FarSockets } from './far-sockets.js';
import { Pipe } from './pipe.js';

const udp = z.object({ port: z.number().int(), ipv6: z.boolean(), local: z.boolean().optional() });
const facts = z.object({
  port: z.number().int(),
  udp,
  alternate: udp.nullable(),
  metrics: z.boolean(),
  pipe: z.boolean().default(true),
});

export interface InheritedSockets {
  readonly port: number;
  readonly listener: number;
  readonly socket: UdpSocket;
  readonly alternate: UdpSocket | undefined;
  readonly metrics: number | undefined;
  /** To the process before, which keeps the WebSockets; undefined: it has ended. */
  readonly pipe: number | undefined;
}

/**
 * Undefined for what is none.
 *
 * @param descriptor by place, in the order of relay-move.ts
 */
export function inheritedSockets(
  descriptor: (place: number) => number,
  told: unknown,
): InheritedSockets | undefined {
  const parsed = facts.safeParse(told);
  if (!parsed.success) return undefined;
  const { port, udp: data, alternate, metrics, pipe } = parsed.data;
  let place = 0;
  const next = (): number => descriptor(place++);
  const sockets = {
    port,
    listener: next(),
    socket: socketOf(next(), data),
    pipe: pipe ? next() : undefined,
    alternate: alternate ? socketOf(next(), alternate) : undefined,
    metrics: metrics ? next() : undefined,
  };
  return descriptorsOf(sockets).some((fd) => fd < 0) ? undefined : sockets;
}

function socketOf(fd: number, { port, ipv6, local }: z.infer<typeof udp>): UdpSocket {
  return { fd, port, ipv6, ...(local !== undefined && { local }) };
}

/** All of its descriptors. */
export function descriptorsOf({ listener, socket, alternate, metrics, pipe }: InheritedSockets): number[] {
  return [listener, socket.fd, pipe, alternate?.fd, metrics].filter((fd) => fd !== undefined);
}

export interface RelayHeritage {
  readonly sockets: InheritedSockets;
  /** All is prepared: the process before comes to rest and leaves what it knows. */
  take(): Promise<HeldRelay>;
  /** Resolves when it has let go for good: what became of the associations until then; undefined when it died before it could tell. */
  commit(): Promise<HeldForwarding | undefined>;
  /** It goes on, and this process ends. */
  fail(thrown: unknown): Promise<never>;
  /** Packets flow again. */
  took(): void;
}

/** The WebSockets that the process before keeps, if it does. */
export function farSockets({ pipe }: InheritedSockets): FarSockets | undefined {
  return pipe === undefined ? undefined : new FarSockets(new Pipe(streamOf(pipe)));
}
