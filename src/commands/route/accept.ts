import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class RouteAccept extends BaseCommand {
  static override summary = 'send packets for subnets to the members that announce them';
  static override description =
    'Sets routes on this machine for the announced subnets that lie in the range, now and later; "all" takes every one for private use that this machine does not reach otherwise. Nothing is accepted by itself. While the node is down, or nobody announces it, packets for an accepted range are refused, so that they leave by no other interface; --remove ends that, and so does "evio leave".';

  static override examples = [
    '<%= config.bin %> <%= command.id %> 192.168.7.0/24',
    '<%= config.bin %> <%= command.id %> 10.244.0.0/16',
    '<%= config.bin %> <%= command.id %> all',
    '<%= config.bin %> <%= command.id %> 192.168.7.0/24 --remove',
  ];

  static override args = {
    cidr: Args.string({ required: true, description: 'range that holds the subnets, or "all"' }),
  };

  static override flags = {
    network: networkFlag,
    remove: Flags.boolean({ description: 'accept the range no more' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RouteAccept);
    const { ask } = await import('../../core/control/client.js');
    const { routesText } = await import('../../views/text/routes.js');
    const request = { network: flags.network, cidr: args.cidr, accepted: !flags.remove };
    const result = await ask(this.home().controlSocket, 'routeAccept', request);
    this.show(routesText(result.routes));
    return result;
  }
}
