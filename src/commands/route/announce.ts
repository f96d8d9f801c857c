import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class RouteAnnounce extends BaseCommand {
  static override summary = 'announce a subnet that lies behind this machine';
  static override description =
    'Tells every member that packets for these addresses, IPv4 or IPv6, go to this machine, and lets packets from them pass from this machine alone. The machine needs the right "route" (the one that made the network has it), has to forward, and must be the way back for the subnet. It goes on after a restart, until it is withdrawn.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> 192.168.7.0/24',
    '<%= config.bin %> <%= command.id %> 192.168.7.0/24 --shared',
    '<%= config.bin %> <%= command.id %> fd00:7::/64 --network home',
  ];

  static override args = {
    cidr: Args.string({ required: true, description: 'range of the subnet' }),
  };

  static override flags = {
    network: networkFlag,
    shared: Flags.boolean({
      description: 'another member may announce the same with --shared: one stands in for the other',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RouteAnnounce);
    const { ask } = await import('../../core/control/client.js');
    const { forwardingAdvice } = await import('../../core/doctor/forwarding.js');
    const { routesText } = await import('../../views/text/routes.js');
    const { network, shared } = flags;
    const socket = this.home().controlSocket;
    const { routes } = await ask(socket, 'routeAnnounce', { network, cidr: args.cidr, shared });
    const advice = forwardingAdvice(args.cidr);
    this.show(routesText(routes));
    for (const line of advice) this.say(line);
    return { routes, advice };
  }
}
