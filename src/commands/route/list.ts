import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class RouteList extends BaseCommand {
  static override summary = 'list subnets behind members';
  static override description =
    'Shows what members announce, where packets for it go from this machine, and what is refused and why.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(RouteList);
    const { ask } = await import('../../core/control/client.js');
    const { routesText } = await import('../../views/text/routes.js');
    const result = await ask(this.home().controlSocket, 'routes', { network: flags.network });
    this.show(routesText(result.routes));
    return result;
  }
}
