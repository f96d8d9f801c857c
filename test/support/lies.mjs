/**
 * What the patched program says (liar.ts). It begins after LIES_AFTER_MS, once it is a member in good standing; LIES_STEAL is
 * the address that it takes. How often it told what stands in LIES_TOLD-PID-THREAD.json.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const begun = performance.now();
const after = Number(process.env.LIES_AFTER_MS ?? 0);
const awake = () => performance.now() - begun > after;
const often = (share) => awake() && Math.random() < share;
const below = (n) => Math.floor(Math.random() * n);
const some = (list, n) => [...list].sort(() => Math.random() - 0.5).slice(0, n);

const counts = {};
/** In one piece: it is read at any time. */
const write = () => {
  const path = `${process.env.LIES_TOLD}-${process.pid}-${threadId}.json`;
  writeFileSync(`${path}.part`, JSON.stringify(counts));
  renameSync(`${path}.part`, path);
};
const told = (what) => {
  counts[what] = (counts[what] ?? 0) + 1;
  // Who waits for it to be told knows at once, and the process may be stopped any moment.
  if (counts[what] === 1 && process.env.LIES_TOLD) write();
};
if (process.env.LIES_TOLD) setInterval(write, 1_000).unref();

/** Ids that it heard of. */
const known = new Set();
const nowhere = () => ({ host: `203.0.113.${1 + below(250)}`, port: 1 + below(65_535) });
const candidates = () => Array.from({ length: 24 }, () => ({ kind: 'host', endpoint: nowhere() }));

export function heard(message) {
  for (const list of ['successors', 'predecessors', 'others', 'indirect'])
    for (const id of message?.[list] ?? []) known.add(id);
  return message;
}

const someone = () => Array.from({ length: 16 }, () => below(256).toString(16).padStart(2, '0')).join('');
const table = { type: 'table', version: 1, claims: 0, leaf: false };
/** The last true card that went by here. */
let lastCard = new Uint8Array(600);

/** What it says without a reason, to each link at each tick of the overlay. */
export function unasked() {
  if (!awake()) return [];
  told('unasked');
  const id = known.size > 0 ? some(known, 1)[0] : someone();
  return [
    { ...table, successors: [], predecessors: [], others: [], indirect: [] },
    { type: 'meet', id },
    { type: 'introduce', card: lastCard },
    { type: 'seek', nonce: below(2 ** 48), target: someone(), hops: below(255), card: lastCard },
    { type: 'sought', nonce: below(2 ** 48), id, card: lastCard },
  ];
}

/** Linked with everybody, in any order, and with members that there are not. */
export function ring(message) {
  if (message.card?.length > 0) lastCard = message.card;
  if (!often(0.5)) return message;
  const made = Array.from({ length: 8 }, someone);
  const ids = new Set([...known, ...made]);
  switch (message.type) {
    case 'table':
      told('table');
      return {
        ...message,
        version: (message.version + below(1_000)) >>> 0,
        settled: true,
        successors: some(ids, 6),
        predecessors: some(ids, 6),
        others: some(ids, 50),
        indirect: [],
      };
    case 'beat':
      told('beat');
      return { ...message, seen: below(2 ** 32), claims: below(256), answer: true };
    default:
      return message;
  }
}

export function pong(observed, directFrames) {
  if (!often(0.5)) return { observed, directFrames };
  told('pong');
  return { observed: nowhere(), directFrames: 2 ** 40 };
}

export function offer(list) {
  if (!often(0.8)) return list;
  told('offer');
  return candidates();
}

export function card(credential, list) {
  if (!often(0.5)) return { credential, candidates: list };
  told('card');
  const changed = credential.slice();
  if (Math.random() < 0.5) changed[below(changed.length)] ^= 1 << below(8);
  return { credential: changed, candidates: candidates() };
}

export function seeks(seek) {
  if (!awake()) return [];
  told('seek');
  return Array.from({ length: 20 }, () => ({ ...seek, nonce: below(2 ** 48), hops: 1 }));
}

/** A packet between others: nothing of it comes, or a changed one. */
export function eats(bytes, at, length) {
  if (!awake()) return false;
  told('transit');
  if (Math.random() < 0.3) return true;
  if (Math.random() < 0.5) bytes[at + 18 + below(Math.max(1, length - 18))] ^= 1 << below(8);
  return false;
}

/** A flood that goes by: its origin, its number, its content and its arc. Returns where the arc ends. */
export function flood(bytes, header, length, bound) {
  if (!awake()) return bound;
  told('flood');
  // From its origin on (wire/flood.ts).
  const said = header + 75 + 16 * (bytes[header + 74] >> 5);
  if (Math.random() < 0.3) bytes[said + below(16)] ^= 1 << below(8);
  if (Math.random() < 0.3) bytes[said + 16 + below(10)] ^= 1 << below(8);
  if (Math.random() < 0.3) bytes[header + below(length)] ^= 1 << below(8);
  return Math.random() < 0.3 ? below(2 ** 52) : bound;
}

export function stolen() {
  if (!often(0.3)) return undefined;
  told('address');
  return process.env.LIES_STEAL;
}
