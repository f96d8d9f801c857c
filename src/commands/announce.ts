import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Announce extends BaseCommand {
  static override summary = 'have members find a program of this machine by its name';
  static override description =
    'Tells every connected member that this machine offers a service at a port. They see it in "evio services" and "evio peers --json", and find it by DNS: SRV and TXT of _NAME._tcp.MEMBER.NETWORK.evio, and of _NAME._tcp.NETWORK.evio for all that offer it. It opens nothing: what may reach the port is for the policy and the firewall to say. It goes on after a restart, until --withdraw.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> ssh 22',
    '<%= config.bin %> <%= command.id %> http 8080 --text path=/admin',
    '<%= config.bin %> <%= command.id %> dns 53 --proto udp',
    '<%= config.bin %> <%= command.id %> http --withdraw',
  ];

  static override args = {
    name: Args.string({ required: true, description: 'name of the service, as in /etc/services' }),
    port: Args.integer({ description: 'port at which it listens', min: 1, max: 65_535 }),
  };

  static override flags = {
    network: networkFlag,
    proto: Flags.option({
      options: ['tcp', 'udp'] as const,
      default: 'tcp' as const,
      description: 'protocol of the port',
    })(),
    text: Flags.string({
      default: '',
      helpValue: 'TEXT',
      description: 'a word beside it, which comes in the TXT record: path=/admin',
    }),
    withdraw: Flags.boolean({ description: 'announce it no more' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Announce);
    const { network, proto: protocol, text, withdraw } = flags;
    const { badValue } = await import('../core/identity/names.js');
    if (!withdraw && args.port === undefined)
      throw badValue('No port is given.', `For example: evio announce ${args.name} 8080`);
    const { ask } = await import('../core/control/client.js');
    const { servicesText } = await import('../views/text/services.js');
    const service = {
      name: args.name.toLowerCase(),
      protocol,
      port: withdraw ? null : (args.port ?? null),
      text,
    };
    const report = await ask(this.home().controlSocket, 'serviceSet', { network, ...service });
    this.show(servicesText(report));
    return report;
  }
}
