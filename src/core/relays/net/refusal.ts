/** What a relay's `refused` means to the person at the machine. */
import type { RelayFact } from '../../identity/network.js';
import { shownRelay } from '../../lib/relay-address.js';
import { EvioError, type ErrorCode } from '../../lib/errors.js';
import { printable } from '../../lib/printable.js';
import type { Refusal } from '../../wire/signal.js';

const newToken = 'Ask the owner of the network for a new token: "evio token create"';

const meanings: Record<
  Refusal,
  { code: ErrorCode; sentence: (detail: string) => string; next: readonly string[] }
> = {
  'token-expired': {
    code: 'EVIO_TOKEN_EXPIRED',
    sentence: () => 'The token has expired.',
    next: [newToken, 'Check the clock of this machine.'],
  },
  'token-used-up': {
    code: 'EVIO_TOKEN_USED_UP',
    sentence: () => 'The token was already used by as many machines as it allows.',
    next: [newToken, 'There, one for several machines is made with: "evio token create --uses N"'],
  },
  'token-revoked': {
    code: 'EVIO_TOKEN_REVOKED',
    sentence: () => 'The token was revoked.',
    next: [newToken],
  },
  revoked: {
    code: 'EVIO_REVOKED',
    sentence: () => 'This machine was revoked from the network.',
    next: [
      'Ask the owner of the network. To come back this machine must leave and join again with a new token.',
    ],
  },
  'address-taken': {
    code: 'EVIO_ADDRESS_TAKEN',
    sentence: (detail) =>
      detail === '' ? 'The address is taken by another member.' : `The address is taken by ${detail}.`,
    next: ['Join with another address: --ip ADDRESS', 'Leave --ip out to let evio choose a free one.'],
  },
  'network-not-allowed': {
    code: 'EVIO_RELAY_REFUSED',
    sentence: (detail) => notServed.get(detail) ?? 'The relay does not serve this network.',
    next: [
      'On the machine of the relay, "evio relay invite" prints a URL for another network: evio init NAME --relay URL',
      'For a network that exists: "evio relay allow NETWORKID" there, or start the relay with --open to serve any.',
      'If the relay has a new key, the network must be told: make a token that names it.',
    ],
  },
  'bad-credential': {
    code: 'EVIO_RELAY_REFUSED',
    sentence: (detail) => `The relay does not accept this machine's certificate${detail && ` (${detail})`}.`,
    next: [
      'Check the clocks of this machine and of the relay.',
      'Leave the network and join again with a new token.',
    ],
  },
  version: {
    code: 'EVIO_RELAY_REFUSED',
    sentence: () => 'The relay speaks another version of the protocol.',
    next: ['Run the same version of evio on the relay and here.'],
  },
  'name-invalid': {
    code: 'EVIO_RELAY_REFUSED',
    sentence: () => "The relay does not accept this machine's name.",
    next: ['Join with a plain name: --name NAME'],
  },
  full: {
    code: 'EVIO_RELAY_REFUSED',
    sentence: () => 'The relay is full.',
    next: ['Use another relay, or ask its operator.'],
  },
};

/** Details of `network-not-allowed` (rendezvous/gate.ts). */
const notServed: ReadonlyMap<string, string> = new Map([
  ['network-unknown', 'The relay is closed and does not serve this network.'],
  ['invite-bad', 'The relay invite in the URL is not one of this relay.'],
  ['invite-expired', 'The relay invite in the URL has expired.'],
  ['invite-used-up', 'The relay invite in the URL was used already.'],
  ['invite-revoked', 'The relay invite in the URL was revoked.'],
  ['not-the-owner', 'Only the machine that makes a network can bring it to this relay.'],
]);

/** The operator error of a refusal. `message` comes from the relay and is shown only as a cause. */
export function refusalError(
  relay: RelayFact,
  refused: { code: Refusal; message: string; detail?: string | undefined },
): EvioError {
  const { code, sentence, next } = meanings[refused.code];
  const detail = printable(refused.detail ?? '');
  return new EvioError(code, sentence(detail), next, {
    cause: new Error(`${shownRelay(relay.address)}: ${printable(refused.message)}`),
  });
}
