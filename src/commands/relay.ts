import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { badValue } from '../core/identity/names.js';

/** A rate of the relay, Mbit/s. The upper end keeps a mistyped number of bit/s from meaning "no limit". */
function rateFlag(description: string) {
  return Flags.integer({ min: 1, max: 1_000_000, helpValue: 'MBPS', description });
}

export default class Relay extends BaseCommand {
  static override daemon = true;
  static override summary = 'run the rendezvous server';
  static override description = `Runs the server by which nodes find each other: STUN, signalling and relaying on one port, TCP and UDP. It needs no root and no network; its key is made at the first start and kept in the state folder. Runs until SIGINT or SIGTERM.

The first line on standard output is the URL that "evio init --relay" takes; with --json it is an object. Open the port in the firewall for TCP and UDP, and the one after it for UDP (it tells kinds of NAT apart).`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --listen [::]:3478 --public relay.example.org:3478',
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
    allow: Flags.string({
      multiple: true,
      helpValue: 'NETWORKID',
      description: 'serve this network only; repeatable [default: every network that names this relay]',
    }),
    metrics: Flags.string({ helpValue: 'HOST:PORT', description: 'serve GET /metrics for Prometheus here' }),
    'limit-node': rateFlag('relay at most so many Mbit/s from one node [default: 10000]'),
    'limit-network': rateFlag('relay at most so many Mbit/s in one network [default: 40000]'),
    'alternate-port': Flags.integer({
      min: 1,
      max: 65_535,
      helpValue: 'PORT',
      description: 'UDP port of the second STUN socket [default: the one after]',
    }),
  };

  async run(): Promise<undefined> {
    const { flags } = await this.parse(Relay);
    for (const id of flags.allow ?? []) {
      if (!/^[0-9a-f]{16}$/.test(id))
        throw badValue(`"${id}" is not a network id.`, 'See it in the output of: evio init --json');
    }
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
      allow: flags.allow,
      metrics: flags.metrics,
      alternatePort: flags['alternate-port'],
      limits: { nodeMbps: flags['limit-node'], networkMbps: flags['limit-network'] },
      home: home.path,
      env: { clock: systemClock, random: systemRandom, log },
    });
    let finish = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (finish = resolve));
    const stop = async (): Promise<void> => {
      await server.stop();
      finish();
    };
    const unlock = await lockRelay(home, log);
    const releases = [
      stopOnSignals(stop, log),
      reportOnSignal(() => {
        log.info('report', { nodes: server.clients, ...server.totals() });
      }),
    ];
    try {
      const listening = await server.start();
      if (this.jsonEnabled()) this.emit({ event: 'listening', ...listening });
      else this.print(listening.url);
      this.say(`The relay listens on ${listening.listen}. Make a network with: evio init NAME --relay URL`);
      await stopped;
      if (this.jsonEnabled()) this.emit({ event: 'stopped' });
    } finally {
      await server.stop();
      unlock();
      for (const release of releases) release();
    }
    return undefined;
  }
}
