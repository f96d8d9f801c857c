/**
 * From what is to what should be (`evio apply`): a list of changes, each of which is one command of evio. Pure: a plan that is
 * made of the state after it is empty.
 */
import { sameRelay, shownRelay } from '../core/lib/relay-address.js';
import { formatRelayAddress, parseRelayUrl } from '../core/relays/net/relay-url.js';
import { localChanges, type localKinds, type PresentLocal } from './apply-local.js';
import type { WantedNetwork } from './apply-file.js';

/** How a network of the file stands here; undefined: this machine is no member. */
export interface PresentNetwork {
  readonly id: string;
  readonly running: boolean;
  readonly nodeName: string;
  readonly relays: readonly string[];
  readonly announced: readonly { readonly cidr: string; readonly shared: boolean }[];
  readonly accepted: readonly string[];
  readonly policy: string | null;
  readonly local?: PresentLocal;
}

export interface Change {
  readonly network: string;
  readonly do:
    'join' | 'start' | 'rename' | 'relay' | 'announce' | 'accept' | 'policy' | (typeof localKinds)[number];
  /** For a person: what it does. */
  readonly detail: string;
  /** The words after `evio`, without secrets. */
  readonly command: readonly string[];
}

function relayAddress(url: string): string {
  return formatRelayAddress(parseRelayUrl(url));
}

/** @param now undefined for a network that is still to be joined: what can be told of it in advance */
export function changesOf(wanted: WantedNetwork, now: PresentNetwork | undefined): Change[] {
  const { name } = wanted;
  const changes: Change[] = [];
  const add = (what: Change['do'], detail: string, ...command: string[]): void => {
    changes.push({ network: name, do: what, detail, command });
  };
  const here = ['--network', now?.id ?? name];
  if (!now) {
    const { nodeName, ip, role } = wanted;
    add('join', `join ${name}`, 'join', '--detach', ...flags({ name: nodeName, ip, role }));
  } else if (!now.running) add('start', `run ${name}`, 'node', '--detach');
  if (now && wanted.nodeName !== undefined && wanted.nodeName !== now.nodeName)
    add('rename', `${now.nodeName} becomes ${wanted.nodeName}`, 'set', '--name', wanted.nodeName, ...here);
  if (wanted.relays) {
    const have = now?.relays ?? [];
    const want = wanted.relays.map(relayAddress);
    // Added before others are removed: a network is never without.
    wanted.relays.forEach((url, i) => {
      if (!have.includes(want[i] as string))
        add('relay', `add the relay ${shownRelay(want[i] ?? '')}`, 'network', 'relay', 'add', url, ...here);
    });
    for (const address of have)
      // One that is added as it is now, with TLS or without, took its place.
      if (!want.some((wish) => sameRelay(wish, address))) {
        const relay = shownRelay(address);
        add('relay', `remove the relay ${relay}`, 'network', 'relay', 'remove', relay, ...here);
      }
  }
  if (wanted.announce) {
    const have = now?.announced ?? [];
    for (const { cidr } of have)
      if (!wanted.announce.some((one) => one.cidr === cidr))
        add('announce', `withdraw ${cidr}`, 'route', 'withdraw', cidr, ...here);
    for (const { cidr, shared } of wanted.announce)
      if (!have.some((one) => one.cidr === cidr && one.shared === shared))
        add(
          'announce',
          `announce ${cidr}`,
          'route',
          'announce',
          cidr,
          ...(shared ? ['--shared'] : []),
          ...here,
        );
  }
  if (wanted.accept) {
    const have = now?.accepted ?? [];
    for (const range of have)
      if (!wanted.accept.includes(range))
        add('accept', `accept ${range} no more`, 'route', 'accept', range, '--remove', ...here);
    for (const range of wanted.accept)
      if (!have.includes(range)) add('accept', `accept ${range}`, 'route', 'accept', range, ...here);
  }
  if (wanted.local) localChanges(wanted.local, now?.local, here, add);
  if (wanted.policy && wanted.policy.text !== now?.policy)
    add('policy', `set the policy of ${wanted.policy.file}`, 'policy', 'set', wanted.policy.file, ...here);
  return changes;
}

function flags(values: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(values).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, value]));
}
