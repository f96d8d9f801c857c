/**
 * What a relay keeps of its networks, as lines of JSON: each says one thing, is bounded, and means the same when it is
 * read twice. Whoever reads them in order knows what the relay knew. Files and their order are state-log.ts.
 */
import { z } from 'zod';

const networkId = z.string().regex(/^[0-9a-f]{16}$/);
const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const time = z.number();

/** How a network came to be served by a closed relay. */
export const admissionWays = ['claim', 'ticket', 'operator', 'before'] as const;
/**
 * `claim`: it was the first at a new relay. `ticket`: its owner had a relay invite. `operator`: allowed on the relay's
 * machine. `before`: served by an evio of before, which was open.
 */
export type AdmissionWay = (typeof admissionWays)[number];

const admitLine = z.object({
  kind: z.literal('admit'),
  network: networkId,
  name: z.string().max(256),
  by: z.enum(admissionWays),
  at: time,
});
const ticketLine = z.object({
  kind: z.literal('ticket'),
  /** Of the ticket, hexadecimal. */
  ticket: hex(16),
  notAfter: time,
  network: networkId,
});
/** A relay invite that was made on the relay's machine. */
const inviteLine = z.object({
  kind: z.literal('invite'),
  ticket: hex(16),
  notAfter: time,
  uses: z.number().int().min(1),
  at: time,
});
/** One that admits nobody any more. */
const revokedLine = z.object({ kind: z.literal('invite-revoked'), ticket: hex(16), notAfter: time });
const memberLine = z.object({
  kind: z.literal('member'),
  network: networkId,
  /** Base64url, verified before it was written. */
  credential: z.string().max(2048),
  lastSeen: time,
});
const useLine = z.object({
  kind: z.literal('use'),
  network: networkId,
  /** Public key of the invite, hexadecimal. */
  invite: z.string(),
  notAfter: time,
  /** Public key of the node, hexadecimal. */
  node: z.string(),
  /** Of the receipt. */
  time,
});

export const stateLine = z.discriminatedUnion('kind', [
  /** The first line of a new relay: without any, state was lost. */
  z.object({ kind: z.literal('begin') }),
  /** The relay belongs to somebody: no network claims it any more. */
  z.object({ kind: z.literal('claimed') }),
  admitLine,
  ticketLine,
  inviteLine,
  revokedLine,
  memberLine,
  z.object({ kind: z.literal('seen'), network: networkId, id: hex(32), lastSeen: time }),
  /** The member lost its address or MAC to another, which had it earlier. */
  z.object({ kind: z.literal('gone'), network: networkId, id: hex(32) }),
  /** The member left for good, in its own words (base64url), which were verified before they were written. */
  z.object({
    kind: z.literal('left'),
    network: networkId,
    id: hex(32),
    farewell: z.string().max(512),
    at: time,
  }),
  useLine,
  /** Nothing said of the network before counts any more; with `refund` it never came. */
  z.object({ kind: z.literal('forget'), network: networkId, refund: z.boolean() }),
]);
export type StateLine = z.infer<typeof stateLine>;
export type AdmitLine = z.infer<typeof admitLine>;
export type TicketLine = z.infer<typeof ticketLine>;
/** A use of an invite of a network. */
export type ReceiptLine = Omit<z.infer<typeof useLine>, 'kind'>;
