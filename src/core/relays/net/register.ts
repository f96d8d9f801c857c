/** Short errands at a relay, for commands: ask for its key, register once. */
import { z } from 'zod';
import { generateKeys, publicKeyLength, type Keys } from '../../identity/keys.js';
import type { RelayFact } from '../../identity/network.js';
import { shownRelay } from '../../lib/relay-address.js';
import { fromBase64Url, toBase64Url } from '../../lib/bytes.js';
import type { Env } from '../../lib/env.js';
import { parseJson } from '../../lib/json.js';
import { EvioError } from '../../lib/errors.js';
import type { AuthorEnds } from '../../wire/ledger.js';
import type { LedgerNews, Waiting, Welcome } from '../../wire/signal.js';
import { RelayChannel, unreachable, type ChannelOptions, type Founding } from './relay-channel.js';
import { NoRelay, relayFault, type RelayFault } from './relay-fault.js';
import { askHealth } from './relay-health.js';
import { formatRelayAddress, parseRelayUrl, type RelayAddress } from './relay-url.js';

const health = z.object({
  status: z.literal('ok'),
  key: z.string().optional(),
  closed: z.boolean().optional(),
});

/**
 * Asks the relay at `hostPort` for its key: trust on first use, as ssh does. The key in a URL is better, and only an open
 * relay tells its own: at a closed one the key is what strangers must not have.
 *
 * @throws EvioError EVIO_BAD_VALUE, EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_HIDDEN, EVIO_RELAY_KEY_MISMATCH
 */
export async function pinRelay(
  hostPort: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<RelayFact> {
  const url = parseRelayUrl(hostPort);
  const address = formatRelayAddress(url);
  const nowhere: RelayFact = { address, key: new Uint8Array(publicKeyLength) };
  let body: string;
  try {
    ({ body } = await askHealth(url, { timeoutMs: options.timeoutMs ?? 5_000 }));
  } catch (thrown) {
    throw unreachable(nowhere, whyUnreachable(url, thrown), thrown);
  }
  const parsed = health.safeParse(parseJson(body));
  if (parsed.success && parsed.data.closed === true) {
    throw new EvioError(
      'EVIO_RELAY_KEY_HIDDEN',
      `The relay at ${shownRelay(address)} is closed and tells its key to nobody.`,
      [
        'Give the whole line that "evio relay" printed there: evio://HOST:PORT#KEY',
        `From somebody else's relay you need an invite: "evio relay invite" prints one on its machine.`,
      ],
    );
  }
  const key = parsed.success ? fromBase64Url(parsed.data.key ?? '') : undefined;
  if (key?.length !== publicKeyLength) throw unreachable(nowhere, whyUnreachable(url, new NoRelay()));
  if (url.key && toBase64Url(url.key) !== toBase64Url(key)) {
    throw new EvioError(
      'EVIO_RELAY_KEY_MISMATCH',
      `The relay at ${shownRelay(address)} has another key than the URL says.`,
      ['Copy the URL again from the output of "evio relay".'],
    );
  }
  return { address, key };
}

/** What a failed request means to the person who typed the address. */
function whyUnreachable(url: RelayAddress, thrown: unknown): string | RelayFault {
  const code = (thrown as NodeJS.ErrnoException).code ?? '';
  const where = formatRelayAddress({ ...url, tls: false });
  if (!url.tls && (code === 'ECONNRESET' || code === 'HPE_INVALID_CONSTANT' || code.startsWith('HPE_')))
    return `it hangs up or answers in another protocol; if it speaks TLS, write evios://${where}#KEY as the relay printed it`;
  if (url.tls && /^CERT_(NOT_YET_VALID|HAS_EXPIRED)$/.test(code)) {
    const said = code === 'CERT_HAS_EXPIRED' ? 'has ended' : 'is not valid yet';
    return `its TLS certificate ${said} by the clock of this machine, ${new Date().toISOString().slice(0, 16)}Z: set that if it is wrong; with the relay's key it does not matter: write evios://${where}#KEY as the relay printed it`;
  }
  if (url.tls && /CERT|SELF_SIGNED|ISSUER/.test(code))
    return `its TLS certificate is not one that this machine trusts; with its key that does not matter: write evios://${where}#KEY as the relay printed it`;
  if (url.tls && /^(EPROTO|ERR_SSL)/.test(code)) return `it does not speak TLS; write evio://${where}#KEY`;
  return relayFault(thrown);
}

export interface RegisterOptions {
  readonly keys: Keys;
  readonly networkBytes: Uint8Array;
  readonly credential: Uint8Array;
  readonly agent: string;
  readonly timeoutMs: number;
  readonly env: Env;
  readonly founding?: Founding | undefined;
  /** Where the logs of the ledger end, and statements that the relay must know, as ChannelOptions has them. */
  readonly heads?: AuthorEnds[] | undefined;
  readonly brings?: LedgerNews | undefined;
  /** As ChannelOptions has it. */
  readonly proxy?: ChannelOptions['proxy'];
  /** What is said before hanging up, by who leaves the network for good (identity/farewell.ts). */
  readonly farewell?: Uint8Array | undefined;
  /** Admins have to let it in: then it takes as long as they do, or until `until` is aborted. Left out: it is not waited for. */
  readonly waiting?: { tell(waiting: Waiting): void; readonly until: AbortSignal } | undefined;
}

/**
 * Connects, waits for the welcome (with the receipt, where one was needed) and closes.
 *
 * @throws EvioError EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_MISMATCH, EVIO_WAITING, or what the relay refused with.
 */
export function registerOnce(options: RegisterOptions & { readonly relay: RelayFact }): Promise<Welcome> {
  return new Promise((resolve, reject) => {
    let result: Welcome | undefined;
    let waits: Waiting | undefined;
    const giveUp = (): void => {
      channel.terminate('it was waited for long enough');
    };
    const channel = new RelayChannel(options, {
      welcome(welcome) {
        result = welcome;
        const { farewell } = options;
        if (farewell) channel.send({ type: 'leave', farewell: toBase64Url(farewell) });
        channel.close();
        resolve(welcome);
      },
      waiting(waiting) {
        const { waiting: patience } = options;
        waits = waiting;
        patience?.tell(waiting);
        if (!patience || patience.until.aborted) giveUp();
        else patience.until.addEventListener('abort', giveUp, { once: true });
      },
      message: () => undefined,
      data: () => undefined,
      heard: () => undefined,
      ended(end) {
        options.waiting?.until.removeEventListener('abort', giveUp);
        if (result) return;
        const over = waits && (!options.waiting || options.waiting.until.aborted) && !end.refusal;
        reject(over ? stillWaiting(waits as Waiting) : end.error);
      },
    });
  });
}

function stillWaiting({ approvals, needed }: Waiting): EvioError {
  const done = needed > 1 ? ` (${approvals} of ${needed} have)` : '';
  return new EvioError('EVIO_WAITING', `No admin has let this machine in yet${done}.`, [
    `On an admin's machine: "evio approve"`,
    'Then go on with the same command here: sudo evio join TOKEN',
  ]);
}

/**
 * True when who answers at the relay's address has the relay's key, false when not. Asked by a node of no network, whom
 * every relay refuses, but only one with the key can say so.
 *
 * @throws EvioError EVIO_RELAY_UNREACHABLE
 */
export async function provesKey(relay: RelayFact, env: Env, timeoutMs: number): Promise<boolean> {
  try {
    await registerOnce({
      relay,
      keys: generateKeys(env.random),
      networkBytes: new Uint8Array(0),
      credential: new Uint8Array(0),
      agent: 'evio/doctor',
      timeoutMs,
      env,
    });
    return true;
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_RELAY_KEY_MISMATCH') return false;
    if (thrown instanceof EvioError && thrown.code === 'EVIO_RELAY_REFUSED') return true;
    throw thrown;
  }
}

/** What is worth more to the operator when every relay failed differently. */
function rank(error: EvioError): number {
  if (error.code === 'EVIO_WAITING') return 4;
  if (error.code === 'EVIO_RELAY_UNREACHABLE') return 1;
  return error.code === 'EVIO_RELAY_KEY_MISMATCH' || error.code === 'EVIO_RELAY_REFUSED' ? 2 : 3;
}

/**
 * Registers with the first relay that accepts, in the order given.
 *
 * @throws EvioError of the relay that said most: a used-up token rather than an unreachable host.
 */
export async function registerAny(
  options: RegisterOptions & { readonly relays: readonly RelayFact[] },
): Promise<{ relay: RelayFact; welcome: Welcome }> {
  let worst: EvioError | undefined;
  for (const relay of options.relays) {
    try {
      return { relay, welcome: await registerOnce({ ...options, relay }) };
    } catch (thrown) {
      if (!(thrown instanceof EvioError)) throw thrown;
      if (!worst || rank(thrown) > rank(worst)) worst = thrown;
    }
  }
  throw worst ?? new EvioError('EVIO_RELAY_UNREACHABLE', 'The network has no relay.', []);
}
