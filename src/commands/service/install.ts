import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { installService, relayFlag, serviceOf, serviceText } from '../../cli/service-command.js';

export default class ServiceInstall extends BaseCommand {
  static override summary = 'have systemd or OpenRC run the node, now and at boot';
  static override description = `Writes a unit (evio.service, or evio-relay.service with --relay) with few rights, unless a package has brought one, and has systemd run it. The node runs every network this machine is in; in a machine that is in none it begins with the first one: evio join TOKEN --no-start, then systemctl start evio. The relay runs as a user of its own, which is made for it, and keeps its state in /var/lib/evio-relay. Where OpenRC runs the machine it writes scripts in /etc/init.d instead.`;

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --relay --public relay.example.org:3478',
  ];

  static override flags = {
    relay: relayFlag,
    'no-start': Flags.boolean({ description: 'begin at the next boot, not now' }),
    listen: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'where the relay listens',
      dependsOn: ['relay'],
    }),
    public: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'where nodes reach the relay',
      dependsOn: ['relay'],
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(ServiceInstall);
    const { parseHostPort } = await import('../../core/lib/endpoint.js');
    const { badValue } = await import('../../core/identity/names.js');
    const words = (['listen', 'public'] as const).flatMap((name) => {
      const value = flags[name];
      if (value === undefined) return [];
      // It is split at spaces, and stands in a file that systemd reads.
      if (!/^[\w.:[\]/-]+$/.test(value) || (name === 'listen' && parseHostPort(value) === undefined))
        throw badValue(`--${name} takes HOST:PORT.`, `For instance: --${name} 0.0.0.0:3478`);
      return [`--${name}`, value];
    });
    const report = await installService(serviceOf(flags.relay), {
      home: this.home(),
      start: !flags['no-start'],
      relayWords: words.length > 0 ? words : undefined,
    });
    this.show(serviceText(report));
    return report;
  }
}
