import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { waitFlag } from '../cli/flags.js';
import type { Home } from '../core/config/home.js';
import { shellWord } from '../cli/program-name.js';
import type { Logger } from '../core/lib/env.js';
import { checkHostPort, checkNetworkId } from '../core/identity/names.js';

/** A rate of the relay, Mbit/s. The upper end keeps a mistyped number of bit/s from meaning "no limit". */
function rateFlag(description: string) {
  return Flags.integer({ min: 1, max: 1_000_000, helpValue: 'MBPS', description });
}

/** What the operator does next. @param url as it may be shown */
function greeting(serves: string, url: string): string {
  if (serves === 'any') return `It serves anybody. Make a network with: evio init --relay ${url}`;
  if (serves === 'first') return `It waits for its first network, which claims it: evio init --relay ${url}`;
  return 'It serves the networks that were let in (evio relay networks); another one needs: evio relay invite';
}

/** The command line that the relay was started by, with another address for others. */
const withPublic = (argv: readonly string[], address: string): string =>
  ['evio relay', ...argv.filter((word) => word !== '--json').map(shellWord), '--public', address].join(' ');

/**
 * The URL of a relay that others are to use may name an address of a cloud machine or a home that nobody outside can reach. Others
 * say by which one they see this machine; where nobody is known who could, the operator is asked.
 */
async function warnOfAddress(
  url: string,
  home: Home,
  servers: readonly string[],
  log: Logger,
  argv: readonly string[],
): Promise<void> {
  const { parseRelayUrl } = await import('../core/relays/net/relay-url.js');
  const { isPrivateHost } = await import('../core/surroundings/local-ranges.js');
  const { host, port } = parseRelayUrl(url);
  if (!isPrivateHost(host)) return;
  const { outsideAddress } = await import('../core/doctor/outside-address.js');
  const outside = await outsideAddress(home, servers).catch(() => undefined);
  const hint = outside
    ? {
        outside: outside.host,
        seenBy: outside.by,
        fix: `${withPublic(argv, `${outside.host}:${port}`)}, and have the router pass TCP and UDP of this port on to ${host}`,
      }
    : { fix: `${withPublic(argv, `HOST:${port}`)}, with the public name or address of this machine` };
  log.warn('the URL names a private address, so only machines of this site can use it', { host, ...hint });
}

export default class Relay extends BaseCommand {
  static override daemon = true;
  static override summary = 'run the rendezvous server';
  static override description = `Runs the server by which nodes find each other: STUN, signalling and relaying on one port, TCP and UDP. It needs no root and no network; its key is made at the first start and kept in the state folder. Runs until SIGINT or SIGTERM.

It is closed: it serves the first network that "evio init" brings with its URL, and from then on others only by a relay invite ("evio relay invite"), by "evio relay allow" or by --allow. With --open it serves anybody's. The URL holds the relay's key, which lets a network in while none is there yet: hand it over as you would a password.

The first line on standard output is the URL that "evio init --relay" takes; with --json it is an object. Open the port in the firewall for TCP and UDP, and the one after it for UDP (it tells kinds of NAT apart).`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --listen [::]:3478 --public relay.example.org:3478',
    '<%= config.bin %> <%= command.id %> --open',
    '<%= config.bin %> <%= command.id %> --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --metrics 127.0.0.1:9478',
  ];

  static override flags = {
    listen: Flags.string({
      default: '0.0.0.0:3478',
      helpValue: 'HOST:PORT',
      description: 'where to listen; [::]:3478 takes IPv6 and IPv4, port 0 a free one',
    }),
    public: Flags.string({
      helpValue: 'HOST:PORT',
      description:
        'where nodes reach it, if that is not where it listens; evios://HOST:PORT behind a TLS proxy',
    }),
    stun: Flags.string({
      multiple: true,
      helpValue: 'HOST:PORT',
      description:
        'a STUN server, or another relay, that tells by which address the outside sees this machine, where its own is private; repeatable [default: the relays of its networks]',
    }),
    'tls-cert': Flags.string({
      helpValue: 'FILE',
      description: 'certificate chain, PEM',
      dependsOn: ['tls-key'],
    }),
    'tls-key': Flags.string({ helpValue: 'FILE', description: 'private key, PEM', dependsOn: ['tls-cert'] }),
    open: Flags.boolean({ description: 'serve every network that names this relay, strangers too' }),
    allow: Flags.string({
      multiple: true,
      helpValue: 'NETWORKID',
      description: 'serve this network, beside those that were let in; repeatable',
      exclusive: ['open'],
    }),
    metrics: Flags.string({ helpValue: 'HOST:PORT', description: 'serve GET /metrics for Prometheus here' }),
    detach: Flags.boolean({ description: 'run in the background; return once it listens' }),
    wait: waitFlag,
    'limit-node': rateFlag('relay at most so many Mbit/s from one node [default: 10000]'),
    'limit-network': rateFlag('relay at most so many Mbit/s in one network [default: 40000]'),
    'alternate-port': Flags.integer({
      min: 1,
      max: 65_535,
      helpValue: 'PORT',
      description: 'UDP port of the second STUN socket [default: the one after]',
    }),
  };

  async run(): Promise<object | undefined> {
    const { flags } = await this.parse(Relay);
    flags.allow?.forEach(checkNetworkId);
    flags.stun?.forEach(checkHostPort);
    const { relayWords, runRelay } = await import('../cli/run-relay.js');
    const log = await this.logger();
    if (flags.detach) {
      const relay = await this.#detach(relayWords(flags), flags.wait);
      if (flags.public === undefined)
        await warnOfAddress(relay.url, this.home(), flags.stun ?? [], log, this.argv);
      return relay;
    }
    await runRelay({
      home: this.home(),
      flags,
      version: this.config.version,
      log,
      json: this.jsonEnabled(),
      listening: async (listening) => {
        if (this.jsonEnabled()) this.emit({ event: 'listening', ...listening });
        else this.print(listening.url);
        this.say(`The relay listens on ${listening.listen}. ${this.#next(listening)}`);
        // It serves meanwhile.
        if (flags.public === undefined)
          void warnOfAddress(listening.url, this.home(), flags.stun ?? [], log, this.argv);
      },
    });
    if (this.jsonEnabled()) this.emit({ event: 'stopped' });
    return undefined;
  }

  #next({ serves, url }: { readonly serves: string; readonly url: string }): string {
    return greeting(serves, this.secret(url, 'URL'));
  }

  async #detach(words: readonly string[], waitMs: number): Promise<{ readonly url: string }> {
    const { detachRelay } = await import('../cli/relay-detached.js');
    const home = this.home();
    const relay = await detachRelay(home, words, waitMs);
    this.print(relay.url);
    this.say(`The relay runs in the background (process ${relay.pid}). Its log: ${home.relayLog}`);
    this.say(this.#next(relay));
    return relay;
  }
}
