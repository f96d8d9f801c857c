/**
 * Messages between a node and a relay inside the Noise session of the WebSocket: JSON, checked at both doors.
 *
 *   node                                relay
 *    |  Noise IK message 1 (no payload)   |     prologue "evio relay 1", suite aes256gcm
 *    |----------------------------------->|
 *    |  Noise IK message 2 (no payload)   |
 *    |<-----------------------------------|
 *    |  hello { network, credential }     |
 *    |----------------------------------->|     the relay verifies the chain, counts the invite, signs a receipt
 *    |  welcome { association, members }  |     or: refused { code, message } and close
 *    |<-----------------------------------|
 *    |  member, presence … ping/pong      |
 *    |  locate, find → located, found     |     whom the node was not told of
 *    |  placed → placed                   |     whether a member is where it says
 *    |  away                              |     another process goes on: register there, then close this one
 *    |<-----------------------------------|
 *    |  ledger, both ways                 |     statements that the other side lacks (ledger/statement.ts)
 *
 * Who is to be let in by admins hears `waiting` in place of the welcome, keeps the connection alive by pings, and is
 * welcomed, or refused, when an admin has spoken; admins hear `applicants`: who waits.
 *
 * In a network of few members each node is told of all (`complete`). In a larger one it is told of its neighbours on the
 * ring and of some others, and of their coming and going; it asks for whoever else it needs. What it was told of or asked
 * for is what it goes on being told of.
 *
 * Byte strings are base64url; node ids are 32 hexadecimal characters.
 */
import { z } from 'zod';
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { maxEnds, type AuthorEnds } from './ledger.js';

export const relayPrologue = 'evio relay 1';
/** HTTP path of the WebSocket. */
export const relayPath = '/evio/v1';
export const signalVersion = 1;

/** WebSocket close codes of the relay (private range of RFC 6455 section 7.4.2). */
export const CloseCode = {
  /** Ours or the other side's message made no sense. */
  protocol: 4400,
  /** Message 1 was not sealed for this relay's key. */
  wrongKey: 4401,
  /** Follows `refused`. */
  refused: 4403,
  /** Nothing came in time: handshake, hello or heartbeat. */
  silent: 4408,
  /** Another connection of the same node took over. */
  replaced: 4409,
  /** Another member has claimed the address or MAC before: the answer to the next hello says so. */
  displaced: 4410,
  /** The receiver of our messages is too slow. */
  slow: 4413,
  /** Too many handshakes at once: come back later. */
  busy: 4429,
} as const;

const bytes = (max: number) =>
  z
    .string()
    .max(Math.ceil((max * 4) / 3) + 2)
    .regex(/^[A-Za-z0-9_-]*$/);
const nodeId = z.string().regex(/^[0-9a-f]{32}$/);
const host = z.string().min(1).max(45);
const port = z.number().int().min(1).max(65_535);
const count = z.number().int().min(0).max(0xffff_ffff);

/** Who waits in one network, of whom admins are told. */
export const maxApplicants = 32;

/** Targets of a `locate`, ids of a `find`, and members in the answer to either. */
export const maxNamed = 16;

/** Where the logs of a ledger end at whoever says it (wire/ledger.ts); keys and hashes are 64 hexadecimal characters. */
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const heads = z
  .array(z.object({ author: hex64, ends: z.array(z.object({ sequence: count, hash: hex64 })).max(maxEnds) }))
  .max(512);

/** Base64url characters of statements in one message: it stays one Noise message. A statement may be longer: then it is cut. */
export const ledgerMessageLength = 24_000;

/**
 * Statements, each whole, or one that is too long in pieces: then `pieces` tells how many follow, this one counted, and the
 * receiver joins them. With `heads` the sender tells what it has, and asks for the rest.
 */
const ledgerMessage = z.object({
  type: z.literal('ledger'),
  statements: z
    .array(
      z
        .string()
        .max(ledgerMessageLength)
        .regex(/^[A-Za-z0-9_-]*$/),
    )
    .max(512),
  pieces: z.number().int().min(1).max(8).optional(),
  heads: heads.optional(),
});
export type LedgerNews = z.infer<typeof ledgerMessage>;

/** Codes of `refused`; each becomes an operator error of the same meaning. */
export const refusals = [
  'version',
  'network-not-allowed',
  'bad-credential',
  'token-expired',
  'token-used-up',
  'token-revoked',
  'revoked',
  'address-taken',
  'name-invalid',
  'full',
] as const;
export type Refusal = (typeof refusals)[number];

export const helloMessage = z.object({
  type: z.literal('hello'),
  version: z.number().int(),
  agent: z.string().max(64),
  network: bytes(4096),
  credential: bytes(1024),
  /** `evio init` brings a network to a relay that may not know it, or takes it back since another relay refused it. */
  founding: z.enum(['enter', 'withdraw']).optional(),
  /** A relay invite (rendezvous/ticket.ts), from the relay's URL. */
  ticket: bytes(128).optional(),
  /** Of the node's ledger; left out by programs that have none. */
  heads: heads.optional(),
  /** Statements, for a relay that the network's signed facts do not name: an admin named it since. */
  ledger: ledgerMessage.optional(),
});

export const toRelay = z.discriminatedUnion('type', [
  helloMessage,
  z.object({ type: z.literal('ping'), id: z.number().int() }),
  /** The node leaves the network for good (identity/farewell.ts). Not answered; the node closes the connection. */
  z.object({ type: z.literal('leave'), farewell: bytes(256) }),
  /** For each target, the connected member whose id is at or clockwise after it. Answered by `located`. */
  z.object({ type: z.literal('locate'), targets: z.array(nodeId).min(1).max(maxNamed) }),
  /** Members, connected or not, by one key: the first that is there counts. Answered by `found`. */
  z.object({
    type: z.literal('find'),
    query: count,
    /** Name, IPv4 address, id, or the beginning of an id (4 characters or more), as a person types it. */
    text: z.string().max(64).optional(),
    /** MAC address, 12 hexadecimal characters. */
    mac: z
      .string()
      .regex(/^[0-9a-f]{12}$/)
      .optional(),
    ids: z.array(nodeId).max(maxNamed).optional(),
  }),
  /**
   * Does the member's UDP come from this address, which it told the node itself? Answered by `placed`, so that nobody sends much to
   * where the member is not. Older relays do not answer.
   */
  z.object({ type: z.literal('placed'), id: nodeId, host }),
  ledgerMessage,
]);
export type ToRelay = z.infer<typeof toRelay>;
export type LocateRequest = Extract<ToRelay, { type: 'locate' }>;
export type PlacedRequest = Extract<ToRelay, { type: 'placed' }>;
export type LeaveRequest = Extract<ToRelay, { type: 'leave' }>;
export type FindRequest = Extract<ToRelay, { type: 'find' }>;

export const toNode = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    /** UDP association: index, key (32 bytes), and the ports of the relay's UDP and alternate STUN sockets. */
    association: z.number().int().min(0).max(0xffff_ffff),
    key: bytes(32),
    udpPort: port,
    alternatePort: port.nullable(),
    /** Where the relay sees the TCP connection from. */
    observed: z.string().max(64),
    /** A receipt signed now, or null when the credential needed none. */
    receipt: bytes(512).nullable(),
    /**
     * Credentials of members, this node left out: of all that are known when `complete` is not false, and then further
     * ones follow as `member`; else of the ring neighbours and some others, all of them online.
     */
    members: z.array(bytes(1024)).max(4096),
    online: z.array(nodeId).max(4096),
    /** Left out by relays of the first version, which list everybody and know neither `locate` nor `find`. */
    complete: z.boolean().optional(),
    /** Members online, this one counted. */
    size: count.optional(),
    /** Members that left for good, in their own words: the newest. */
    left: z.array(bytes(256)).max(256).optional(),
    /** The relay's date, ms since 1970, so that a wrong clock is noticed. */
    date: z.number(),
    /** What the relay's ledger of this network has, and statements that the node lacks, as far as they fit here. */
    ledger: ledgerMessage.optional(),
  }),
  z.object({
    type: z.literal('refused'),
    code: z.enum(refusals),
    message: z.string().max(512),
    detail: z.string().max(256).optional(),
  }),
  /** So many admins of those that must have let this node in: the welcome, or a refusal, comes later. */
  z.object({ type: z.literal('waiting'), approvals: count, needed: count }),
  /** To admins: credentials of all who wait now. */
  z.object({ type: z.literal('applicants'), members: z.array(bytes(1024)).max(maxApplicants) }),
  /**
   * Another process of this relay goes on: the node registers by a new connection, and closes this one, by which it is served
   * until then, once it is welcome there.
   */
  z.object({ type: z.literal('away') }),
  z.object({ type: z.literal('member'), credential: bytes(1024) }),
  /** A member left the network for good, in its own words. */
  z.object({ type: z.literal('left'), farewell: bytes(256) }),
  z.object({ type: z.literal('presence'), id: nodeId, online: z.boolean() }),
  z.object({ type: z.literal('pong'), id: z.number().int() }),
  /** As in the welcome: sent when `complete` changes, and seldom when `size` did by much. */
  z.object({ type: z.literal('roster'), complete: z.boolean(), size: count }),
  /** All of them are online. */
  z.object({ type: z.literal('located'), members: z.array(bytes(1024)).max(maxNamed) }),
  z.object({
    type: z.literal('found'),
    query: count,
    members: z.array(bytes(1024)).max(maxNamed),
    /** Which of them are online. */
    online: z.array(nodeId).max(maxNamed),
  }),
  z.object({ type: z.literal('placed'), id: nodeId, host, here: z.boolean() }),
  ledgerMessage,
]);
export type ToNode = z.infer<typeof toNode>;
export type Welcome = Extract<ToNode, { type: 'welcome' }>;
/** How many admins let a node in that waits, of how many that must. */
export type Waiting = Omit<Extract<ToNode, { type: 'waiting' }>, 'type'>;

/**
 * Messages that carry these statements, in order.
 *
 * @param heads what the sender has, told with the first of them; then there is one message at least
 */
export function ledgerNews(statements: readonly Uint8Array[], heads?: AuthorEnds[]): LedgerNews[] {
  const messages: LedgerNews[] = [];
  let some: string[] = [];
  let length = 0;
  const send = (): void => {
    if (some.length > 0) messages.push({ type: 'ledger', statements: some });
    some = [];
    length = 0;
  };
  for (const bytes of statements) {
    const text = toBase64Url(bytes);
    if (text.length > ledgerMessageLength) {
      send();
      const pieces = Math.ceil(text.length / ledgerMessageLength);
      for (let at = 0; at < pieces; at++) {
        const piece = text.slice(at * ledgerMessageLength, (at + 1) * ledgerMessageLength);
        messages.push({ type: 'ledger', statements: [piece], pieces: pieces - at });
      }
      continue;
    }
    if (length + text.length > ledgerMessageLength || some.length === 512) send();
    some.push(text);
    length += text.length;
  }
  send();
  if (!heads) return messages;
  const [first = { type: 'ledger', statements: [] }, ...others] = messages;
  return [{ ...first, heads }, ...others];
}

/** Joins what came in pieces. One for each sender. */
export class LedgerJoiner {
  #text = '';
  #left = 0;

  /** The statements that are whole now; those that are not base64url are left out. */
  take({ statements, pieces }: LedgerNews): Uint8Array[] {
    if (pieces === undefined) {
      this.#left = 0;
      return statements.flatMap((text) => fromBase64Url(text) ?? []);
    }
    if (pieces !== this.#left) this.#text = '';
    this.#text += statements[0] ?? '';
    this.#left = pieces - 1;
    if (this.#left > 0) return [];
    const bytes = fromBase64Url(this.#text);
    this.#text = '';
    return bytes ? [bytes] : [];
  }
}

/** The message in the text, or undefined when it is not one. */
export function parseToRelay(text: string): ToRelay | undefined {
  return parseWith(toRelay, text);
}

export function parseToNode(text: string): ToNode | undefined {
  return parseWith(toNode, text);
}

function parseWith<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
