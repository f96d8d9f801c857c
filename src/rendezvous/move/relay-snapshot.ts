/** What a relay leaves to the process after it, as it travels: JSON with references into one array of bytes (handover/blobs.ts). */
import { z } from 'zod';
import { BlobReader, BlobWriter, ref, type Snapshot } from '../../core/handover/blobs.js';
import { helloMessage, toNode } from '../../core/wire/signal.js';
import { totalsOf, CounterBlock, type RelayTotals } from '../counters.js';
import { rowLength } from '../forward/table-rows.js';
import type { HeldForwarding, HeldGuest, HeldRelay } from './held.js';

const count = z.number().int().nonnegative();
const id = z.string().regex(/^[0-9a-f]{32}$/);
const network = z.string().regex(/^[0-9a-f]{16}$/);
const index = z.number().int().min(0).max(0xffff_ffff);
const counts = z.record(z.string(), z.number());
const totals = z.object({
  packets: counts,
  bytes: counts,
  drops: counts,
  stun: count,
  binds: count,
  hints: count,
});
const forwarding = z.object({ rows: ref, rowLength: z.literal(rowLength), totals });
const member = z.object({
  network,
  id,
  association: index,
  key: ref,
  inviteId: z.string(),
  rights: count,
  watches: z.array(id),
  here: z.boolean(),
});
const guest = z.object({
  connection: index,
  stage: z.enum(['handshake', 'hello', 'waiting', 'up']),
  observed: z.string(),
  away: z.boolean(),
  transport: z.object({ sendKey: ref, receiveKey: ref, sent: count, received: count }).optional(),
  remoteStatic: ref.optional(),
  announcements: z.array(toNode),
  member: member.optional(),
  hello: helloMessage.optional(),
});
const snapshot = z.object({
  guests: z.array(guest),
  lingering: z.array(z.object({ network, id, association: index, observed: z.string() })),
  views: z.array(z.object({ network, rootKey: ref, complete: z.boolean(), size: count })),
  totals,
  restarts: count,
  refused: z.array(z.tuple([z.string(), count])),
  forwarding,
});

export function encodeForwarding({ rows, totals: counted }: HeldForwarding): Snapshot {
  const blobs = new BlobWriter();
  const head = { rows: blobs.put(rows), rowLength, totals: counted };
  return { head, blob: blobs.bytes() };
}

/** Undefined for what is none. */
export function parseForwarding(head: unknown, blob: Uint8Array): HeldForwarding | undefined {
  const parsed = forwarding.safeParse(head);
  return parsed.success ? orNone(() => readForwarding(parsed.data, new BlobReader(blob))) : undefined;
}

export function encodeRelay(held: HeldRelay): Snapshot {
  const blobs = new BlobWriter();
  const head: z.input<typeof snapshot> = {
    ...held,
    guests: held.guests.map(
      ({ connection, held: { transport, remoteStatic, ...plain }, member: one, hello }) => ({
        connection,
        ...plain,
        announcements: [...plain.announcements],
        ...(transport && {
          transport: {
            ...transport,
            sendKey: blobs.put(transport.sendKey),
            receiveKey: blobs.put(transport.receiveKey),
          },
        }),
        ...(remoteStatic && { remoteStatic: blobs.put(remoteStatic) }),
        ...(one && { member: { ...one, key: blobs.put(one.key), watches: [...one.watches] } }),
        ...(hello && { hello }),
      }),
    ),
    lingering: [...held.lingering],
    views: held.views.map((view) => ({ ...view, rootKey: blobs.put(view.rootKey) })),
    refused: held.refused.map(([reason, n]) => [reason, n]),
    forwarding: { rows: blobs.put(held.forwarding.rows), rowLength, totals: held.forwarding.totals },
  };
  const blob = blobs.bytes();
  for (const { held: one } of held.guests) {
    one.transport?.sendKey.fill(0);
    one.transport?.receiveKey.fill(0);
  }
  return { head, blob };
}

/** Undefined for what is none: the process before goes on then. */
export function parseRelay(head: unknown, blob: Uint8Array): HeldRelay | undefined {
  const parsed = snapshot.safeParse(head);
  if (!parsed.success) return undefined;
  const bytes = new BlobReader(blob);
  return orNone(() => ({
    ...parsed.data,
    totals: wholeTotals(parsed.data.totals),
    guests: parsed.data.guests.map((one): HeldGuest => {
      const { connection, stage, observed, away, transport, remoteStatic, announcements, hello } = one;
      return {
        connection,
        held: {
          stage,
          observed,
          away,
          announcements,
          transport: transport && {
            ...transport,
            sendKey: bytes.take(transport.sendKey, 32),
            receiveKey: bytes.take(transport.receiveKey, 32),
          },
          remoteStatic: remoteStatic && bytes.take(remoteStatic, 32),
        },
        member: one.member && { ...one.member, key: bytes.take(one.member.key) },
        hello,
      };
    }),
    views: parsed.data.views.map((view) => ({ ...view, rootKey: bytes.take(view.rootKey) })),
    forwarding: readForwarding(parsed.data.forwarding, bytes),
  }));
}

function readForwarding(read: z.infer<typeof forwarding>, bytes: BlobReader): HeldForwarding {
  return { rows: bytes.take(read.rows), totals: wholeTotals(read.totals) };
}

/** Another version may count other things: what is missing is 0, and what is not known here is left out. */
function wholeTotals(read: z.infer<typeof totals>): RelayTotals {
  const none = totalsOf([new CounterBlock()]);
  const known = <K extends string>(
    names: Record<K, number>,
    from: Record<string, number>,
  ): Record<K, number> =>
    Object.fromEntries(Object.keys(names).map((name) => [name, from[name] ?? 0])) as Record<K, number>;
  return {
    ...read,
    packets: known(none.packets, read.packets),
    bytes: known(none.bytes, read.bytes),
    drops: known(none.drops, read.drops),
  };
}

function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
