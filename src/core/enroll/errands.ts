/** What enrolment asks of relays: a port, so that it is tested without any. */
import type { Self } from '../membership/self.js';
import type { RelayFact } from '../identity/network.js';
import type { Env } from '../lib/env.js';

export interface RelayErrands {
  /**
   * The relay that an operator named by URL or HOST:PORT; without a key in it, with the key it shows.
   *
   * @throws EvioError EVIO_BAD_VALUE, EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_MISMATCH.
   */
  find(text: string): Promise<RelayFact>;
  /**
   * Registers with the first of the relays that accepts and hangs up. Resolves to the receipt, where one was needed.
   *
   * @throws EvioError EVIO_RELAY_UNREACHABLE, or what a relay refused with.
   */
  register(relays: readonly RelayFact[], self: Self): Promise<Uint8Array | undefined>;
}

const timeoutMs = 8000;

/** Errands over the network. */
export function relayErrands(env: Env, agent: string): RelayErrands {
  return {
    async find(text) {
      const { parseRelayUrl, relayFactOf } = await import('../relays/net/relay-url.js');
      const { pinRelay } = await import('../relays/net/register.js');
      return relayFactOf(parseRelayUrl(text)) ?? (await pinRelay(text, { timeoutMs }));
    },
    async register(relays, self) {
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
      });
      return welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
    },
  };
}
