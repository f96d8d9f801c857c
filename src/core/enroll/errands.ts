/** What enrolment asks of relays: a port, so that it is tested without any. */
import type { RegisterOptions } from '../relays/net/register.js';
import type { Self } from '../membership/self.js';
import type { RelayFact } from '../identity/network.js';
import type { Env } from '../lib/env.js';
import type { ChannelOptions } from '../relays/net/relay-channel.js';
import type { LedgerNews } from '../wire/signal.js';

type ChannelProxy = NonNullable<ChannelOptions['proxy']>;

/** A relay that an operator named, and the invite that was in the URL, if one was. */
export interface NamedRelay {
  readonly fact: RelayFact;
  /** A secret: shown to that relay and kept nowhere. */
  readonly ticket: string | undefined;
}

export interface RelayErrands {
  /**
   * The relay that an operator named by URL or HOST:PORT; without a key in it, with the key that an open relay shows.
   *
   * @throws EvioError EVIO_BAD_VALUE, EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_HIDDEN, EVIO_RELAY_KEY_MISMATCH.
   */
  find(text: string): Promise<NamedRelay>;
  /**
   * Brings a network to a relay that may not know it, and hangs up. `self` is its first member.
   *
   * @param brings statements of its ledger, where only that names the relay
   * @throws EvioError EVIO_RELAY_UNREACHABLE, or what the relay refused with.
   */
  found(relay: NamedRelay, self: Self, brings?: LedgerNews): Promise<void>;
  /** Takes back what `found` did, as far as the relay is reached and nobody else registered meanwhile. Never rejects. */
  withdraw(relay: NamedRelay, self: Self): Promise<void>;
  /**
   * Registers with the first of the relays that accepts and hangs up. Resolves to the receipt, where one was needed.
   *
   * @param patience for who has to be let in by admins; left out: it is not waited for them
   * @throws EvioError EVIO_RELAY_UNREACHABLE, EVIO_WAITING, or what a relay refused with.
   */
  register(relays: readonly RelayFact[], self: Self, patience?: Patience): Promise<Uint8Array | undefined>;
  /** Tells each relay that this machine leaves the network for good. Resolves to how many were told. Never rejects. */
  leave(relays: readonly RelayFact[], self: Self): Promise<number>;
}

/** How a machine waits for admins to let it in. */
export interface Patience {
  /** It waits, and so many of the admins that must have let it in. Told again when that changes. */
  tell(waiting: { readonly approvals: number; readonly needed: number }): void;
  /** Aborted: it waits no longer. */
  readonly until: AbortSignal;
}

const timeoutMs = 8000;
/** Nobody waits longer to leave. */
const leaveMs = 3000;

/**
 * Errands over the network.
 *
 * @param proxy the proxy by which a relay is reached; default: none
 */
export function relayErrands(env: Env, agent: string, proxy?: ChannelProxy): RelayErrands {
  const once = async (
    relay: RelayFact,
    { keys, networkBytes, credential }: Self,
    more: Pick<RegisterOptions, 'founding' | 'heads' | 'brings'>,
  ): Promise<void> => {
    const { registerOnce } = await import('../relays/net/register.js');
    await registerOnce({ relay, keys, networkBytes, credential, agent, timeoutMs, env, proxy, ...more });
  };
  return {
    async find(text) {
      const { parseRelayUrl, relayFactOf } = await import('../relays/net/relay-url.js');
      const { pinRelay } = await import('../relays/net/register.js');
      const url = parseRelayUrl(text);
      return { fact: relayFactOf(url) ?? (await pinRelay(text, { timeoutMs })), ticket: url.ticket };
    },
    async found({ fact, ticket }, self, brings) {
      await once(fact, self, {
        founding: { what: 'enter', ticket },
        ...(brings && { heads: [], brings }),
      });
    },
    async withdraw({ fact }, self) {
      // Refused, as it should be, or out of reach.
      await once(fact, self, { founding: { what: 'withdraw' } }).catch(() => undefined);
    },
    async register(relays, self, waiting) {
      const { registerAny } = await import('../relays/net/register.js');
      const { fromBase64Url } = await import('../lib/bytes.js');
      const { keys, networkBytes, credential } = self;
      const { welcome } = await registerAny({
        relays,
        keys,
        networkBytes,
        credential,
        agent,
        timeoutMs,
        env,
        waiting,
        proxy,
      });
      return welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
    },
    async leave(relays, { keys, networkBytes, credential, network }) {
      const { registerOnce } = await import('../relays/net/register.js');
      const { signFarewell } = await import('../identity/farewell.js');
      const farewell = signFarewell(network.rootKey, keys, env.clock.date());
      const common = { keys, networkBytes, credential, agent, timeoutMs: leaveMs, env, farewell, proxy };
      const told = await Promise.allSettled(relays.map((relay) => registerOnce({ ...common, relay })));
      return told.filter(({ status }) => status === 'fulfilled').length;
    },
  };
}
