/** Flags of a node without an interface: `evio node --userspace`, `evio join --userspace`. */
import * as Flags from '@oclif/core/flags';
import { badValue } from '../core/identity/names.js';
import { formatEndpoint } from '../core/lib/endpoint.js';
import {
  formatExposure,
  formatForward,
  parseExposure,
  parseForward,
  parseListen,
  type UserspaceOptions,
} from '../core/userspace/options.js';

const proxyDefault = '127.0.0.1:1080';
const off = 'off';

export const userspaceFlags = {
  userspace: Flags.boolean({
    description:
      'without interface, root or /dev/net/tun: programs reach the network by a proxy and by forwarded ports',
  }),
  proxy: Flags.string({
    helpValue: '[ADDRESS:]PORT',
    description: `with --userspace: SOCKS5 and HTTP proxy into the network, or ${off} [default: ${proxyDefault}]`,
    dependsOn: ['userspace'],
  }),
  forward: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: '[ADDRESS:]PORT=PEER:PORT',
    description: 'with --userspace: a port of this machine that leads to one of a member; repeatable',
    dependsOn: ['userspace'],
  }),
  expose: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PORT[=ADDRESS:PORT]',
    description: 'with --userspace: a port that members reach here; repeatable',
    dependsOn: ['userspace'],
  }),
};

export interface UserspaceFlags {
  readonly userspace: boolean;
  readonly proxy?: string | undefined;
  readonly forward?: string[] | undefined;
  readonly expose?: string[] | undefined;
}

/** What the flags say; undefined: a node with an interface. Throws EVIO_BAD_VALUE. */
export function userspaceOf(flags: UserspaceFlags): UserspaceOptions | undefined {
  if (!flags.userspace) return undefined;
  const each = <T>(
    texts: readonly string[] | undefined,
    read: (text: string) => T | undefined,
    how: string,
  ): T[] =>
    (texts ?? []).map((text) => {
      const found = read(text);
      if (found === undefined) throw badValue(`“${text}” cannot be read.`, `Write ${how}`);
      return found;
    });
  const { proxy = proxyDefault } = flags;
  const [listen] = proxy === off ? [] : each([proxy], parseListen, '--proxy 127.0.0.1:1080, or --proxy off');
  return {
    proxy: listen ?? null,
    forwards: each(flags.forward, parseForward, '--forward 8080=web:80'),
    exposures: each(flags.expose, parseExposure, '--expose 22, or --expose 8080=127.0.0.1:80'),
  };
}

/** The same as arguments. */
export function userspaceArguments(options: UserspaceOptions | undefined): string[] {
  if (!options) return [];
  return [
    '--userspace',
    '--proxy',
    options.proxy ? formatEndpoint(options.proxy) : off,
    ...options.forwards.flatMap((forward) => ['--forward', formatForward(forward)]),
    ...options.exposures.flatMap((exposure) => ['--expose', formatExposure(exposure)]),
  ];
}
