/** How a machine makes its paths: flags that `init`, `join`, `node` and `set` share. What they say is kept in the profile. */
import * as Flags from '@oclif/core/flags';
import type { Store } from '../core/config/store.js';
import { badValue } from '../core/identity/names.js';
import { maxIceServers, parseIceServer } from '../core/membership/ice-server.js';
import { withWishes, type ChangedWishes } from '../core/membership/reach.js';
import { parseProxy } from '../core/lib/proxy-url.js';

export const pathFlags = {
  'relay-only': Flags.boolean({
    exclusive: ['no-relay'],
    description: 'packets go by relays only: no address of this machine is told to others; kept',
  }),
  'no-relay': Flags.boolean({
    description: 'relays introduce members, and carry no data of this machine; kept',
  }),
  'ice-server': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'URL',
    description:
      'STUN or TURN server for WebRTC, stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, by UDP (not TCP or TLS), or none; repeatable; kept',
  }),
  'relay-proxy': Flags.string({
    helpValue: 'URL',
    description:
      'reach relays through this HTTP proxy, http://[USER:PASSWORD@]HOST:PORT, or none, or environment; kept [default: HTTPS_PROXY]',
  }),
};

export interface PathFlags {
  readonly 'relay-only'?: boolean | undefined;
  readonly 'no-relay'?: boolean | undefined;
  readonly 'any-path'?: boolean | undefined;
  readonly 'ice-server'?: readonly string[] | undefined;
  readonly 'relay-proxy'?: string | undefined;
}

/** What the flags change; undefined: nothing. Errors repeat no password. Throws EvioError EVIO_BAD_VALUE. */
export function wishesOf(flags: PathFlags): ChangedWishes | undefined {
  const servers = flags['ice-server'];
  const proxy = flags['relay-proxy'];
  const relays = flags['relay-only']
    ? 'only'
    : flags['no-relay']
      ? 'never'
      : flags['any-path']
        ? 'any'
        : undefined;
  if (relays === undefined && servers === undefined && proxy === undefined) return undefined;
  return {
    ...(relays !== undefined && { relays }),
    ...(servers !== undefined && { iceServers: checkedServers(servers) }),
    ...(proxy !== undefined && { proxy: checkedProxy(proxy) }),
  };
}

/** Stores what the flags change. True when they change anything. */
export async function keepWishes(
  store: Store,
  network: string,
  wishes: ChangedWishes | undefined,
): Promise<boolean> {
  if (!wishes) return false;
  await store.changeProfile(network, (profile) => withWishes(profile, wishes));
  return true;
}

function checkedServers(texts: readonly string[]): readonly string[] {
  if (texts.length === 1 && texts[0] === 'none') return [];
  if (texts.length > maxIceServers)
    throw badValue(
      `There are ${texts.length} ICE servers; ${maxIceServers} are taken.`,
      'Name the nearest ones.',
    );
  for (const [i, text] of texts.entries()) {
    const read = parseIceServer(text);
    if (typeof read !== 'string') continue;
    throw badValue(
      `The ICE server${texts.length > 1 ? ` number ${i + 1}` : ''} cannot be used: ${read}.`,
      'For example: --ice-server turn:USER:PASSWORD@turn.example.org:3478',
    );
  }
  return texts;
}

function checkedProxy(text: string): string {
  if (text === 'none' || text === 'environment') return text;
  const read = parseProxy(text);
  if (typeof read !== 'string') return text;
  throw badValue(
    `The proxy cannot be used: ${read}.`,
    'For example: --relay-proxy http://proxy.example.org:3128',
  );
}
