import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Services extends BaseCommand {
  static override summary = 'list the programs that members announce';
  static override description =
    'Shows what connected members announced with "evio announce", and this one, with the names by which DNS finds them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(Services);
    const { ask } = await import('../core/control/client.js');
    const { servicesText } = await import('../views/text/services.js');
    const report = await ask(this.home().controlSocket, 'services', { network: flags.network });
    this.show(servicesText(report));
    return report;
  }
}
