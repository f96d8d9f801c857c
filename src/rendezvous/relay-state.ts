/** What a relay keeps of its networks on disk: the state as a whole, and the journal of receipts since. */
import { z } from 'zod';

const memberRecord = z.object({ credential: z.string(), lastSeen: z.number() });
const inviteRecord = z.object({
  /** Public key of the invite, hexadecimal. */
  key: z.string(),
  notAfter: z.number(),
  /** Node key, hexadecimal → time of its receipt. */
  nodes: z.record(z.string(), z.number()),
});
export const stateFile = z.object({
  version: z.literal(1),
  networks: z.array(
    z.object({
      id: z.string(),
      members: z.array(memberRecord),
      invites: z.array(inviteRecord),
    }),
  ),
});
export type RelayState = z.infer<typeof stateFile>;

export const receiptLine = z.object({
  network: z.string(),
  invite: z.string(),
  notAfter: z.number(),
  node: z.string(),
  time: z.number(),
});
/** A use of an invite, as the journal has it. */
export type ReceiptLine = z.infer<typeof receiptLine>;
