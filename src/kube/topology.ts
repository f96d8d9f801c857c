/** What a Node object tells of its place in the network: annotations, for people and for schedulers. Pure. */
import type { Result } from '../core/control/methods.js';

const prefix = 'evio.dev';

/** How connected members are reached: all directly, all by relays or members, or some so and some so. */
export function pathsWord(peers: Result<'peers'>['peers']): 'direct' | 'relayed' | 'mixed' | 'none' {
  const kinds = peers.flatMap(({ state, path }) => (state === 'connected' && path ? [path.kind] : []));
  const direct = kinds.filter((kind) => kind === 'direct').length;
  if (kinds.length === 0) return 'none';
  return direct === kinds.length ? 'direct' : direct === 0 ? 'relayed' : 'mixed';
}

/** Without the key that stands in the fragment of a relay's URL: it lets networks in (docs/cli.md). */
function withoutKey(url: string): string {
  return url.split('#')[0] ?? '';
}

export function annotationsOf(
  status: Result<'status'>,
  peers: Result<'peers'>['peers'],
): Readonly<Record<string, string>> {
  const relay = status.relays.find(({ state }) => state === 'connected');
  return {
    [`${prefix}/address`]: status.node.ip,
    [`${prefix}/member`]: status.node.id,
    [`${prefix}/network`]: status.network.id,
    [`${prefix}/relay`]: relay === undefined ? '' : withoutKey(relay.url),
    [`${prefix}/paths`]: pathsWord(peers),
  };
}
