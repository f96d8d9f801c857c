import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { waitFlag } from '../cli/flags.js';
import type { Logger } from '../core/lib/env.js';
import { checkNetworkId } from '../core/identity/names.js';

/** A rate of the relay, Mbit/s. The upper end keeps a mistyped number of bit/s from meaning "no limit". */
function rateFlag(description: string) {
  return Flags.integer({ min: 1, max: 1_000_000, helpValue: 'MBPS', description });
}

/** What the operator does next. */
const greeting = {
  any: 'It serves anybody. Make a network with: evio init NAME --relay URL',
  first: 'It waits for its first network, which claims it: evio init NAME --relay URL',
  admitted:
    'It serves the networks that were let in (evio relay networks); another one needs: evio relay invite',
} as const;

/** An address of a cloud machine or a home that nobody outside can reach, in a URL that is meant for others. */
async function warnOfAddress(url: string, log: Logger): Promise<void> {
  const { parseRelayUrl } = await import('../core/relays/net/relay-url.js');
  const { parseCidr } = await import('../core/lib/ipv4.js');
  const { isPrivateRange } = await import('../core/surroundings/local-ranges.js');
  const { host, port } = parseRelayUrl(url);
  const address = parseCidr(`${host}/32`);
  if (!address || !isPrivateRange(address)) return;
  log.warn('the URL names a private address, so only machines of this site can use it', {
    host,
    fix: `evio relay --public HOST:${port}, with the public name or address of this machine`,
  });
}

interface RelayFlags {
  readonly listen: string;
  readonly public?: string | undefined;
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly open: boolean;
  readonly allow?: string[] | undefined;
  readonly metrics?: string | undefined;
  readonly wait: number;
  readonly 'limit-node'?: number | undefined;
  readonly 'limit-network'?: number | undefined;
  readonly 'alternate-port'?: number | undefined;
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
        'where nodes reach it, if that is not where it listens; wss://HOST:PORT behind a TLS proxy',
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
    if (flags.detach) return this.#detach(flags);
    const { RelayServer } = await import('../rendezvous/server.js');
    const { systemClock, systemRandom } = await import('../core/lib/env.js');
    const { reportOnSignal, stopOnSignals } = await import('../core/process/signals.js');
    const { lockRelay } = await import('../core/process/relay-lock.js');
    const cert = flags['tls-cert'];
    const key = flags['tls-key'];
    const log = await this.logger();
    const home = this.home();
    const server = new RelayServer({
      listen: flags.listen,
      public: flags.public,
      tls: cert !== undefined && key !== undefined ? { certFile: cert, keyFile: key } : undefined,
      open: flags.open,
      allow: flags.allow,
      metrics: flags.metrics,
      alternatePort: flags['alternate-port'],
      limits: { nodeMbps: flags['limit-node'], networkMbps: flags['limit-network'] },
      home: home.path,
      env: { clock: systemClock, random: systemRandom, log },
    });
    let finish = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (finish = resolve));
    const { serviceNotice } = await import('../core/process/service-notice.js');
    const notice = serviceNotice(process.env, systemClock);
    const stop = async (): Promise<void> => {
      notice.stopping();
      await server.stop();
      finish();
    };
    const { deskRequest } = await import('../rendezvous/desk.js');
    const unlock = await lockRelay(home, log, (asked) => {
      if ((asked as { do?: unknown } | undefined)?.do !== 'stop')
        return server.desk.answer(deskRequest.parse(asked));
      // After the answer, which the end would cut off.
      setImmediate(() => void stop());
      return Promise.resolve({ pid: process.pid });
    });
    const releases = [
      stopOnSignals(stop, log),
      reportOnSignal(() => {
        log.info('report', { nodes: server.clients, ...server.totals() });
      }),
    ];
    try {
      const listening = await server.start();
      notice.ready(`listens on ${listening.listen}`);
      if (this.jsonEnabled()) this.emit({ event: 'listening', ...listening });
      else this.print(listening.url);
      this.say(`The relay listens on ${listening.listen}. ${greeting[listening.serves]}`);
      if (flags.public === undefined) await warnOfAddress(listening.url, log);
      await stopped;
      if (this.jsonEnabled()) this.emit({ event: 'stopped' });
    } finally {
      notice.stopping();
      await server.stop();
      unlock();
      for (const release of releases) release();
    }
    return undefined;
  }

  async #detach(flags: RelayFlags): Promise<object> {
    const path = await import('node:path');
    const { detachRelay } = await import('../cli/relay-detached.js');
    const home = this.home();
    const said = (name: keyof RelayFlags, file = false): string[] => {
      const value = flags[name];
      if (value === undefined || value === false) return [];
      const values = Array.isArray(value) ? value : [value];
      // In the background the folder is another.
      return values.flatMap((one) =>
        one === true ? [`--${name}`] : [`--${name}`, file ? path.resolve(String(one)) : String(one)],
      );
    };
    const plain = [
      'listen',
      'public',
      'open',
      'allow',
      'metrics',
      'limit-node',
      'limit-network',
      'alternate-port',
    ] as const;
    const args = [
      ...plain.flatMap((name) => said(name)),
      ...said('tls-cert', true),
      ...said('tls-key', true),
    ];
    const relay = await detachRelay(home, args, flags.wait);
    this.print(relay.url);
    this.say(`The relay runs in the background (process ${relay.pid}). Its log: ${home.relayLog}`);
    return relay;
  }
}
