/** Which network an operator means by `--network`. */
import { EvioError } from '../lib/errors.js';

export interface NamedNetwork {
  readonly id: string;
  readonly name: string;
}

/** Shorter beginnings of an id are taken for a name only. */
const minPrefix = 4;

/** What --network takes for this network: its name, where that means one network, else its id. */
export function shortOf({ id, name }: NamedNetwork, networks: readonly NamedNetwork[]): string {
  return networks.filter((other) => other.name === name).length === 1 ? name : id;
}

/**
 * The network that a selector means: a name, an id or the beginning of one; without selector the only one.
 *
 * @throws EvioError EVIO_NO_NETWORK when there is none, EVIO_AMBIGUOUS_NETWORK when there are several.
 */
export function selectNetwork(networks: readonly NamedNetwork[], selector?: string): NamedNetwork {
  if (networks.length === 0) {
    throw new EvioError('EVIO_NO_NETWORK', 'This machine is in no network.', [
      'Make one with: evio init',
      'Or join one with: sudo evio join TOKEN',
    ]);
  }
  const found =
    selector === undefined
      ? networks
      : networks.filter(
          ({ id, name }) => name === selector || (selector.length >= minPrefix && id.startsWith(selector)),
        );
  const [first] = found;
  const list = networks.map(({ id, name }) => `${name} (${id})`).join(', ');
  if (!first) {
    throw new EvioError('EVIO_NO_NETWORK', `There is no network ${selector} here.`, [
      `The networks here: ${list}`,
    ]);
  }
  if (found.length > 1) {
    throw new EvioError(
      'EVIO_AMBIGUOUS_NETWORK',
      selector === undefined ? 'Several networks are here.' : `Several networks are called ${selector}.`,
      [
        `Choose one with: ${found.map((one) => `--network ${shortOf(one, networks)}`).join(', or ')}`,
        `The networks here: ${list}`,
      ],
    );
  }
  return first;
}
