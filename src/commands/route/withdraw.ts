import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class RouteWithdraw extends BaseCommand {
  static override summary = 'announce a subnet no more';
  static override description =
    'Takes back what "evio route announce" told. Harmless when it was not announced.';

  static override examples = ['<%= config.bin %> <%= command.id %> 192.168.7.0/24'];
  static override args = {
    cidr: Args.string({ required: true, description: 'range of the subnet, as it was announced' }),
  };

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RouteWithdraw);
    const { ask } = await import('../../core/control/client.js');
    const { routesText } = await import('../../views/text/routes.js');
    const request = { network: flags.network, cidr: args.cidr };
    const result = await ask(this.home().controlSocket, 'routeWithdraw', request);
    this.show(routesText(result.routes));
    return result;
  }
}
