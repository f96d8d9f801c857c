/** Makes relay invites (ticket.ts) on the relay's machine: its key suffices, so the relay need not be asked. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../core/disk/replace-file.js';
import { badValue } from '../core/identity/names.js';
import { fromBase64Url, toBase64Url, toHex } from '../core/lib/bytes.js';
import type { Env } from '../core/lib/env.js';
import { printable } from '../core/lib/printable.js';
import { formatRelayUrl, parseRelayUrl, type RelayAddress } from '../core/relays/net/relay-url.js';
import { hasRelayKeys, loadRelayKeys, neverRan } from './relay-keys.js';
import { readTicket, signTicket, ticketIdLength } from './ticket.js';

const addressFile = 'address';
const longestMs = 10 * 365 * 86_400_000;

export interface RelayInvite {
  readonly id: string;
  /** `evio://HOST:PORT#KEY.INVITE`: a secret. */
  readonly url: string;
  /** RFC 3339. */
  readonly expires: string;
  readonly uses: number;
}

/**
 * The invite that a person names: by its id, or by its URL.
 *
 * @throws EvioError EVIO_BAD_VALUE
 */
export function inviteIn(text: string): { readonly id: string; readonly notAfter?: number } {
  const id = text.trim().toLowerCase();
  if (/^[0-9a-f]{16}$/.test(id)) return { id };
  const bytes = text.includes('#') ? fromBase64Url(parseRelayUrl(text).ticket ?? '') : undefined;
  const ticket = bytes && readTicket(bytes);
  if (ticket) return { id: ticket.id, notAfter: ticket.notAfter };
  throw badValue(`"${printable(text)}" is no relay invite.`, 'See them with: evio relay invite list');
}

/** Keeps where nodes reach the relay, for invites. A disk that takes nothing costs only that. */
export async function keepAddress(folder: string, address: RelayAddress): Promise<void> {
  const { host, port, tls } = address;
  await replaceFile(join(folder, addressFile), `${formatRelayUrl({ host, port, tls })}\n`).catch(
    () => undefined,
  );
}

/**
 * @param folder `<home>/relay`
 * @throws EvioError EVIO_NOT_RUNNING when no relay ran with this folder, EVIO_BAD_VALUE, EVIO_STORAGE, EVIO_PROFILE_CORRUPT
 */
export async function makeRelayInvite(
  folder: string,
  plan: { readonly expiresMs: number; readonly uses: number; readonly public?: string | undefined },
  env: Pick<Env, 'clock' | 'random'>,
): Promise<RelayInvite> {
  const kept = await readFile(join(folder, addressFile), 'utf8').catch(() => undefined);
  if (!(await hasRelayKeys(folder)) || (plan.public ?? kept) === undefined) throw neverRan(folder);
  const address = parseRelayUrl(plan.public ?? kept ?? '');
  const keys = await loadRelayKeys(folder, env.random);
  const id = env.random.fill(new Uint8Array(ticketIdLength));
  const notAfter = env.clock.date() + Math.min(plan.expiresMs, longestMs);
  const ticket = toBase64Url(signTicket(id, notAfter, plan.uses, keys));
  return {
    id: toHex(id),
    url: formatRelayUrl({ ...address, key: keys.publicKey, ticket }),
    expires: new Date(notAfter).toISOString(),
    uses: plan.uses,
  };
}
